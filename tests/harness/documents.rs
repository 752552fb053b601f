//! Generated tables of the documents. A table is between the lines `<!-- generated: NAME -->` and
//! `<!-- end -->`.
//!
//! A test computes the table and compares. With [`WRITE`] set, as `cargo xtask docs` sets it, the
//! test writes the table instead.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};

/// Environment variable: tables are written, not compared.
pub const WRITE: &str = "VRRP_WRITE_DOCS";

const END: &str = "<!-- end -->";

/// `text` with `body` in place of the block `name`; `None` if the text has no such block.
pub fn replaced(text: &str, name: &str, body: &str) -> Option<String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let from = text.find(&begin)? + begin.len();
    let to = from + text[from..].find(END)?;
    Some(format!("{}\n{}\n\n{}", &text[..from], body.trim_end(), &text[to..]))
}

/// Compares the block `name` of the document with `body`, or writes it.
///
/// # Errors
/// The document cannot be read or written, has no such block, or the block differs.
pub fn hold(document: &str, name: &str, body: &str) -> Result<()> {
    let path = root().join(document);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = replaced(&text, name, body)
        .with_context(|| format!("{document} has no block `generated: {name}`"))?;
    if new == text {
        return Ok(());
    }
    if env::var_os(WRITE).is_none() {
        bail!("{document}: the block `{name}` is out of date: run `cargo xtask docs`");
    }
    fs::write(&path, new).with_context(|| format!("cannot write {}", path.display()))
}

/// A table of Markdown.
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let cell = |text: &String| if text.is_empty() { " |".to_owned() } else { format!(" {text} |") };
    let line = |cells: &[String]| format!("|{}\n", cells.iter().map(cell).collect::<String>());
    let mut text = line(&head.map(str::to_owned));
    text += &format!("|{}\n", "---|".repeat(N));
    for row in rows {
        text += &line(&row.map(|cell| cell.replace('|', "\\|")));
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests;
