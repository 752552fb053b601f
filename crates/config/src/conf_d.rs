//! `conf.d`: the `*.toml` files in a directory of that name beside the main file, in the order of
//! their names. Pure.
//!
//! They are read as if appended to the main file, so they can hold tables only.

use std::path::Path;

use super::include::Files;
use super::source::{Include, Problem, Source};

const DIRECTORY: &str = "conf.d";

/// The main file and its fragments. One that cannot be read is a problem of the source, which the
/// reader reports.
pub(super) fn gather(name: &str, bytes: &[u8], files: &dyn Files) -> Source {
    let directory = Path::new(name).parent().unwrap_or(Path::new("")).join(DIRECTORY);
    let mut fragments: Vec<String> =
        files.list(&directory).into_iter().filter(|name| name.ends_with(".toml")).collect();
    fragments.sort_unstable();
    let mut named = vec![(name.to_owned(), String::from_utf8_lossy(bytes).into_owned())];
    let mut problems = Vec::new();
    for fragment in fragments {
        let path = directory.join(fragment);
        match files.read(&path) {
            Ok(bytes) => named
                .push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                problems.push(Include {
                    span: 0..0,
                    files: Vec::new(),
                    problem: Some(Problem { message, silent: false }),
                });
            }
        }
    }
    Source::of_files(named, problems)
}
