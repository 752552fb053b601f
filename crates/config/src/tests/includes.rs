//! Files that read other files in.
#![allow(clippy::disallowed_methods, reason = "a test makes files")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::*;
use crate::include::{Files, gather};
use crate::{Surroundings, render};

struct Shelf(BTreeMap<String, String>);

impl Files for Shelf {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.0.get(&path.display().to_string()).ok_or(io::ErrorKind::NotFound)?;
        if text == "secret" {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(text.clone().into_bytes())
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(&path.display().to_string())
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let inside = format!("{}/", directory.display());
        let names = self.0.keys().filter_map(|path| path.strip_prefix(&inside)?.split('/').next());
        names.map(str::to_owned).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

const TAIL: &str = "interface eth0\nvirtual_router_id 1\n}\n";

fn vips(names: &[&str]) -> String {
    names.iter().map(|name| format!("virtual_ipaddress {{ {name} }}\n")).collect()
}

fn read_files(files: &[(&str, String)], mode: Mode) -> (Outcome, Source) {
    let shelf =
        Shelf(files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect());
    let main = shelf.0.get("/e/main.conf").cloned().unwrap_or_default();
    let host = Surroundings::named("host");
    let source = gather("/e/main.conf", main.as_bytes(), &shelf, &host);
    (parse(&source, Language::Keepalived, mode, "host"), source)
}

/// The addresses of a router whose block holds `include`.
fn addresses(include: &str, mode: Mode) -> Result<Vec<String>, Vec<String>> {
    let files = [
        (
            "/e/main.conf",
            format!("vrrp_instance A {{\n{include}\nvirtual_ipaddress {{ 10.0.0.9 }}\n{TAIL}"),
        ),
        ("/e/one.conf", vips(&["10.0.0.1"])),
        ("/e/two.conf", vips(&["10.0.0.2"])),
        ("/e/d/a.conf", vips(&["10.0.1.1"])),
        ("/e/d/b.conf", format!("include c.inc\n{}", vips(&["10.0.1.2"]))),
        ("/e/d/c.inc", vips(&["10.0.1.3"])),
        ("/e/d/.hidden.conf", vips(&["10.0.1.4"])),
        ("/e/closed", "secret".to_owned()),
    ];
    let (outcome, source) = read_files(&files, mode);
    let said = outcome.diagnostics.iter().map(|diagnostic| headline(&source, diagnostic)).collect();
    match outcome.config {
        Some(config) => {
            Ok(config.routers[0].addresses.iter().map(|vip| vip.address.to_string()).collect())
        }
        None => Err(said),
    }
}

#[test]
fn a_file_takes_the_place_of_its_include() {
    let ok = |include: &str| {
        addresses(include, Mode::Strict).unwrap_or_else(|said| panic!("{include}: {said:?}"))
    };
    assert_eq!(ok("include one.conf"), ["10.0.0.1", "10.0.0.9"]);
    assert_eq!(ok("  include \"/e/two.conf\" # note"), ["10.0.0.2", "10.0.0.9"]);
    assert_eq!(
        ok("include d/*.conf"),
        ["10.0.1.1", "10.0.1.3", "10.0.1.2", "10.0.0.9"],
        "sorted, relative to the including file"
    );
    assert_eq!(ok("include d/[^b-z].c?n*"), ["10.0.1.1", "10.0.0.9"]);
    assert_eq!(ok("include {two,one}.conf"), ["10.0.0.2", "10.0.0.1", "10.0.0.9"]);
    assert_eq!(ok("include {two,d/{a,c}}.{conf,inc}").len(), 4);
    assert_eq!(ok("include ${_PWD}/one.conf"), ["10.0.0.1", "10.0.0.9"]);
    assert_eq!(ok("$D=${_PWD}\n$N=${D}/d\ninclude ${N}/a.conf"), ["10.0.1.1", "10.0.0.9"]);
    assert_eq!(ok("$F=one.conf # note\ninclude $F"), ["10.0.0.1", "10.0.0.9"]);
    assert_eq!(ok("@host include one.conf\n@^host include two.conf"), ["10.0.0.1", "10.0.0.9"]);
    assert_eq!(ok("@^nobody @^other include one.conf"), ["10.0.0.1", "10.0.0.9"]);
    assert_eq!(ok("@other include none.conf"), ["10.0.0.9"]);
    assert_eq!(ok("include nothing/*.conf"), ["10.0.0.9"], "an empty directory is fine");
    for keyword in ["includer", "includem", "includew", "includeb", "includea"] {
        assert_eq!(ok(&format!("{keyword} one.conf")), ["10.0.0.1", "10.0.0.9"]);
    }
}

#[test]
fn a_missing_include_has_the_severity_that_its_directive_asks_for() {
    let said = |include: &str, mode| addresses(include, mode).err().unwrap_or_default();
    assert_eq!(
        said("include none.conf", Mode::Strict),
        ["/e/main.conf:2:1: error: no file matches `none.conf`"]
    );
    assert_eq!(said("include none.conf", Mode::Lenient), [""; 0]);
    assert_eq!(
        said("includem none.conf", Mode::Lenient),
        ["/e/main.conf:2:1: error: no file matches `none.conf`"]
    );
    assert_eq!(said("includem none/*", Mode::Strict), [""; 0]);
    assert_eq!(
        said("includew none/*", Mode::Lenient),
        ["/e/main.conf:2:1: error: no file matches `none/*`"]
    );
    assert_eq!(
        said("includeb {one,none}.conf", Mode::Lenient),
        ["/e/main.conf:2:1: error: no file matches `none.conf`"]
    );
    assert_eq!(
        said("include_check match\ninclude none", Mode::Lenient),
        ["/e/main.conf:3:1: error: no file matches `none`"]
    );
    assert_eq!(
        said(
            "include_check\ninclude_check -match -wildcard_match -brace_match\ninclude none",
            Mode::Lenient
        ),
        [""; 0]
    );
    assert_eq!(
        said("includer closed", Mode::Lenient),
        ["/e/main.conf:2:1: error: cannot read `/e/closed`: permission denied"]
    );
    assert_eq!(said("include closed", Mode::Lenient), [""; 0]);
    assert_eq!(
        said("include", Mode::Lenient),
        ["/e/main.conf:2:1: error: an include needs the path of a file"]
    );
}

#[test]
fn a_mistake_is_named_in_the_file_that_holds_it() {
    let files = [
        (
            "/e/main.conf",
            format!("\n\nvrrp_instance A {{\ninclude x\nvirtual_ipaddress {{ 10.0.0.1 }}\n{TAIL}"),
        ),
        ("/e/x", "\npriority 99\npriority high\n".to_owned()),
    ];
    let (outcome, source) = read_files(&files, Mode::Strict);
    let said = render(&source, &outcome.diagnostics[0]);
    assert!(
        said.starts_with("/e/x:2:1: error: `priority` is given twice")
            || said.starts_with("/e/x:3:10: error: `high`"),
        "{said}"
    );
    assert!(
        outcome
            .diagnostics
            .iter()
            .all(|diagnostic| headline(&source, diagnostic).starts_with("/e/x:"))
    );
}

#[test]
fn circles_and_towers_come_to_an_end() {
    let (outcome, source) =
        read_files(&[("/e/main.conf", "include main.conf\n".to_owned())], Mode::Lenient);
    assert_eq!(
        headline(&source, &outcome.diagnostics[0]),
        "/e/main.conf:1:1: error: files include one another deeper than 16"
    );
    let mut files =
        vec![("/e/main.conf", "include b\n".repeat(100)), ("/e/b", "include c\n".repeat(100))];
    files.extend([
        ("/e/c", "include d\n".repeat(100)),
        ("/e/d", "include f\n".repeat(100)),
        ("/e/f", "x\n".repeat(100)),
    ]);
    let (outcome, source) = read_files(&files, Mode::Lenient);
    let last = headline(&source, &outcome.diagnostics[0]);
    assert!(
        last.contains("deeper than 16")
            || last.contains("comes to more than")
            || last.contains("words up to here"),
        "{last}"
    );
}
