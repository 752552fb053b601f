//! `conf.d` beside a TOML file.
#![allow(clippy::disallowed_methods, reason = "a test makes files")]

use std::fs;
use std::path::Path;

use crate::{Loaded, Mode, headline, load};

const MAIN: &str = "node = \"n\"\n\n[[virtual_router]]\nname = \"a\"\ninterface = \"eth1\"\nvrid = 1\naddresses = [\"192.0.2.1\"]";
const MORE: &str = "# one more\n[[virtual_router]]\nname = \"b\"\ninterface = \"eth1\"\nvrid = 2\naddresses = [\"192.0.2.2\"]\n";

fn with(fragments: &[(&str, &str)], check: impl FnOnce(&Path, Loaded)) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(dir.path().join("conf.d")).expect("a directory");
    fs::write(dir.path().join("main.toml"), MAIN).expect("a file");
    for (name, text) in fragments {
        fs::write(dir.path().join("conf.d").join(name), text).expect("a file");
    }
    check(dir.path(), load(&dir.path().join("main.toml"), Mode::Strict));
}

#[test]
fn tables_of_all_files_come_together_in_the_order_of_names() {
    let last = MORE.replace("\"b\"", "\"c\"").replace("= 2", "= 3").replace("2.2", "2.3");
    with(
        &[("20-last.toml", &last), ("10-more.toml", MORE), ("readme.txt", "not read")],
        |_, loaded| {
            let config = loaded.config.expect("a configuration");
            let names: Vec<&str> =
                config.routers.iter().map(|router| router.name.as_str()).collect();
            assert_eq!(names, ["a", "b", "c"]);
        },
    );
}

#[test]
fn a_mistake_is_named_by_its_own_file_and_line() {
    with(&[("10-more.toml", &MORE.replace("vrid = 2", "vrid = 1"))], |dir, loaded| {
        assert!(loaded.config.is_none());
        let said = headline(&loaded.source, &loaded.diagnostics[0]);
        let place = format!("{}:5:8: error: ", dir.join("conf.d/10-more.toml").display());
        assert!(said.starts_with(&place), "{said}");
    });
}

#[test]
fn keys_of_the_agent_itself_are_refused_there() {
    with(&[("10-node.toml", "node = \"other\"\n")], |dir, loaded| {
        assert!(loaded.config.is_none());
        let said: Vec<String> =
            loaded.diagnostics.iter().map(|d| headline(&loaded.source, d)).collect();
        let place = format!(
            "{}:1:1: error: a file in conf.d begins with a table",
            dir.join("conf.d/10-node.toml").display()
        );
        assert!(said.iter().any(|line| line.starts_with(&place)), "{said:?}");
    });
}
