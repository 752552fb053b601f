use anyhow::Result;
use clap::{Arg, Command, CommandFactory};
use vrrp_tests::documents::{hold, table};

use super::Cli;

const DOCUMENT: &str = "docs/operations.md";

fn commands() -> Vec<Command> {
    let mut all = Cli::command();
    all.build();
    all.get_subcommands().filter(|command| command.get_name() != "help").cloned().collect()
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// `vrrp-agent check FILES`: with the arguments that have no name.
fn call(command: &Command) -> String {
    let arguments = command.get_positionals().map(|argument| {
        let name = argument.get_id().as_str().to_uppercase();
        if argument.is_required_set() { name } else { format!("[{name}]") }
    });
    let words = ["vrrp-agent".to_owned(), command.get_name().to_owned()];
    format!("`{}`", words.into_iter().chain(arguments).collect::<Vec<_>>().join(" "))
}

#[test]
fn commands_and_exit_codes_are_those_of_the_document() -> Result<()> {
    let row = |command: &Command| {
        let exits = about(command.get_after_help());
        let exits = exits.strip_prefix("Exit codes: ").unwrap_or_else(|| {
            panic!("`{}` does not name its exit codes in its help", command.get_name())
        });
        [call(command), about(command.get_about()), exits.to_owned()]
    };
    let rows: Vec<_> = commands().iter().map(row).collect();
    hold(DOCUMENT, "commands", &table(["command", "does", "exit codes"], rows))
}

fn option(argument: &Arg) -> Option<String> {
    let long = format!("--{}", argument.get_long()?);
    let short = argument.get_short().map_or(String::new(), |short| format!("-{short}, "));
    let values: String = match argument.get_action().takes_values() {
        true => {
            argument.get_value_names().unwrap_or_default().iter().map(|n| format!(" {n}")).collect()
        }
        false => String::new(),
    };
    Some(format!("`{short}{long}{values}`"))
}

#[test]
fn options_are_those_of_the_document() -> Result<()> {
    let mut rows = Vec::new();
    for command in commands() {
        for argument in command.get_arguments() {
            let Some(name) = option(argument).filter(|_| argument.get_id() != "help") else {
                continue;
            };
            let default: Vec<_> = argument
                .get_default_values()
                .iter()
                .filter(|_| argument.get_action().takes_values())
                .map(|value| format!("`{}`", value.to_string_lossy()))
                .collect();
            let variable = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
            rows.push([
                format!("`{}`", command.get_name()),
                name,
                about(argument.get_help()),
                default.join(" "),
                variable.unwrap_or_default(),
            ]);
        }
    }
    hold(DOCUMENT, "options", &table(["command", "option", "meaning", "default", "variable"], rows))
}
