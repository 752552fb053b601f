//! `docs`: the generated tables of the documents. The tables from the schema and the command line
//! of this program are computed here and compared by `tidy`. All other tables belong to tests,
//! which compare them, and write them on request.

mod schema;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use vrrp_tests::documents::{WRITE, replaced, table};

use crate::{Known, exec};

const SCHEMA: &str = "schema/vrrp-agent.schema.json";

/// Tests that own tables: package, target, name or part of it.
const TESTS: &[(&str, &[&str], &str)] = &[
    ("vrrp-tests", &["--test", "documents"], ""),
    ("vrrp-tests", &["--test", "conformance"], "the_table_of_cases"),
    ("vrrp-agent", &["--lib"], "cli::tests"),
];

/// A table and its expected text.
pub struct Block {
    pub document: &'static str,
    pub name: &'static str,
    pub body: String,
}

/// The tables that need no crate of the agent.
pub fn blocks(root: &Path, commands: &[Known]) -> Result<Vec<Block>> {
    let text = fs::read_to_string(root.join(SCHEMA)).with_context(|| format!("no {SCHEMA}"))?;
    let schema = serde_json::from_str(&text).with_context(|| format!("{SCHEMA} is no JSON"))?;
    let rows = commands
        .iter()
        .map(|command| [format!("`cargo xtask {}`", command.name), command.about.clone()]);
    Ok(vec![
        Block {
            document: "docs/configuration.md",
            name: "keys",
            body: schema::reference(&schema)?,
        },
        Block {
            document: "CONTRIBUTING.md",
            name: "commands",
            body: table(["command", "does"], rows),
        },
    ])
}

/// Writes every table.
pub fn run(commands: &[Known]) -> Result<()> {
    let root = exec::root();
    for Block { document, name, body } in blocks(&root, commands)? {
        let path = root.join(document);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {document}"))?;
        let new = replaced(&text, name, &body)
            .with_context(|| format!("{document} has no block `generated: {name}`"))?;
        if new != text {
            fs::write(&path, new).with_context(|| format!("cannot write {document}"))?;
            println!("docs: {document}: {name}");
        }
    }
    for (package, target, filter) in TESTS {
        let mut cargo = exec::cargo();
        cargo.args(["test", "--quiet", "--package", package]).args(*target).arg(filter);
        // Two of them may write one document.
        cargo.args(["--", "--test-threads=1"]);
        exec::run(cargo.env(WRITE, "1"))?;
    }
    Ok(())
}
