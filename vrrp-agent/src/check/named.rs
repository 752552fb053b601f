//! Scripts that mean keepalived by its name: they stop it to give the addresses up, or ask whether
//! it runs. Beside this agent they find no such service and no such process.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use vrrp_config::{Diagnostic, Severity};
use vrrp_model::Config;

/// Most of a script that is read. A compiled program is no text and is not searched.
const MOST: u64 = 256 * 1024;
const NAME: &str = "keepalived";
/// A line that has one of these words and the name asks for the process or the service.
const ASKING: [&str; 10] =
    ["systemctl", "service", "init.d", "killall", "pkill", "kill", "pidof", "pgrep", "stop", "ps"];

/// A warning for each line of each script that the configuration runs.
pub fn findings(config: &Config) -> Vec<Diagnostic> {
    let scripts = config.scripts.iter().map(|script| &script.command);
    let notify = config.notify.iter().filter_map(|notify| notify.command());
    let words = scripts.chain(notify).flat_map(|command| &command.words);
    let files: BTreeSet<&Path> =
        words.map(Path::new).filter(|path| path.is_absolute() && path.is_file()).collect();
    files.into_iter().flat_map(in_file).collect()
}

fn in_file(path: &Path) -> Vec<Diagnostic> {
    let Some(text) = read(path) else { return Vec::new() };
    let found = (1..).zip(text.lines()).filter(|(_, line)| means_the_program(line));
    found.map(|(number, line)| warning(path, number, line.trim())).collect()
}

/// `None` where it cannot be read or is no text: others report that.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether the line names the program and does something with it: no comment, and not only a path
/// such as /etc/keepalived/.
fn means_the_program(line: &str) -> bool {
    let code = line.trim_start();
    if code.starts_with('#') {
        return false;
    }
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let words: Vec<&str> = code.split(|c: char| !is_part(c)).collect();
    let named = words.iter().any(|word| {
        let last = word.rsplit('/').next().unwrap_or_default();
        last == NAME || last == "keepalived.service"
    });
    let asking = words
        .iter()
        .any(|word| ASKING.iter().any(|asking| word.split('/').any(|part| part == *asking)));
    named && asking
}

fn warning(path: &Path, number: usize, line: &str) -> Diagnostic {
    let message = format!(
        "{}:{number} means keepalived by name: `{line}` has no effect on this agent, unless it is installed under that name",
        path.display()
    );
    let help = "track the script instead: an exit status other than 0 gives the addresses up (docs/keepalived.md, \"Scripts that stop keepalived\")";
    Diagnostic::host(Severity::Warning, message).help(help)
}

#[cfg(test)]
mod tests;
