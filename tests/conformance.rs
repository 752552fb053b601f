//! The conformance table: every case has one entry, and every entry holds.
//!
//! `cargo xtask conformance` runs [`every_entry_is_held`] for the table as JSON, then the tests
//! that it names.

mod rows;
#[path = "conformance/table.rs"]
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use table::{Case, Level, TABLE};
use vrrp_tests::documents::{hold, table};

const DOCUMENT: &str = "docs/conformance.md";

/// First and last numbers of the list's ranges; between them are gaps.
const STRETCHES: [(u16, u16); 3] = [(1, 18), (20, 88), (90, 140)];

/// A test function in the sources.
#[derive(Debug, Clone)]
struct Test {
    package: &'static str,
    /// `lib`, or the name of the integration test.
    target: String,
    needs_root: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every test function of the workspace that a case may name, by its name.
fn tests() -> BTreeMap<String, Test> {
    let mut found = BTreeMap::new();
    for (package, directory) in [
        ("vrrp-agent", "vrrp-agent/src"),
        ("vrrp-config", "crates/config/src"),
        ("vrrp-election", "crates/election/src"),
        ("vrrp-election", "crates/election/tests"),
        ("vrrp-model", "crates/model/src"),
        ("vrrp-notify", "crates/notify/src"),
        ("vrrp-status", "crates/status/src"),
        ("vrrp-steering", "crates/steering/src"),
        ("vrrp-common", "vrrp-common/tests"),
        ("vrrp-tests", "tests"),
    ] {
        for file in rust_files(&root().join(directory)) {
            let target = match directory.ends_with("/src") {
                true => "lib".to_owned(),
                false => file.file_stem().expect("a file").to_string_lossy().into_owned(),
            };
            let text = fs::read_to_string(&file).expect("a source file");
            for (name, needs_root) in functions(&text) {
                found.insert(name, Test { package, target: target.clone(), needs_root });
            }
        }
    }
    found
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a source directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Names of the functions under `#[test]`, and whether they are ignored because they need root.
fn functions(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let (mut is_test, mut ignored) = (false, false);
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
            Some(rest) if is_test => {
                let name = rest.split('(').next().unwrap_or_default();
                found.push((name.to_owned(), ignored));
                (is_test, ignored) = (false, false);
            }
            _ if line.starts_with("#[test]") || line.starts_with("#[tokio::test") => is_test = true,
            _ if line.starts_with("#[ignore") => ignored = true,
            _ => {}
        }
    }
    found
}

/// The case numbers at the begin of a test's name: `vc074_075_...` covers two.
fn numbers(name: &str) -> Vec<u16> {
    let Some(rest) = name.strip_prefix("vc") else {
        return Vec::new();
    };
    rest.split('_')
        .map_while(|part| if part.len() == 3 { part.parse().ok() } else { None })
        .collect()
}

/// The case number at the begin of a row's sentence.
fn number_of(sentence: &str) -> Option<u16> {
    sentence.strip_prefix("VC-")?.get(..3)?.parse().ok()
}

/// Rows of each case: the sentence, and whether parser and policy give the expected result.
fn rows_by_case() -> BTreeMap<u16, Vec<(String, bool)>> {
    let mut found: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    for row in rows::table() {
        if let Some(number) = number_of(&row.says) {
            let right = rows::see(&row.world, &row.frame) == row.seen;
            found.entry(number).or_default().push((row.says, right));
        }
    }
    found
}

/// The statements of the documents about conformance.
fn document() -> String {
    fs::read_to_string(root().join(DOCUMENT)).expect(DOCUMENT)
}

fn entry(
    case: &Case,
    tests: &BTreeMap<String, Test>,
    rows: &[(String, bool)],
) -> serde_json::Value {
    let test = |name: &&str| {
        let test = tests.get(*name)?;
        Some(
            json!({ "name": name, "package": test.package, "target": test.target, "root": test.needs_root }),
        )
    };
    json!({
        "number": case.number,
        "title": case.title,
        "level": case.level.name(),
        "lacks": case.lacks,
        "tests": case.tests.iter().filter_map(test).collect::<Vec<_>>(),
        "rows": rows.len(),
        "wrong_rows": rows.iter().filter(|(_, right)| !right).map(|(says, _)| says).collect::<Vec<_>>(),
    })
}

#[test]
fn every_number_has_one_entry() {
    let expected: Vec<u16> = STRETCHES.into_iter().flat_map(|(first, last)| first..=last).collect();
    let entries: Vec<u16> = TABLE.iter().map(|case| case.number).collect();
    assert_eq!(entries, expected);
    assert_eq!(entries.len(), 138);
}

/// Prints each entry as a line of JSON.
#[test]
fn every_entry_is_held() {
    let (tests, rows) = (tests(), rows_by_case());
    let mut wrong = Vec::new();
    for case in TABLE {
        let rows = rows.get(&case.number).map(Vec::as_slice).unwrap_or_default();
        println!("{}", entry(case, &tests, rows));
        wrong.extend(
            case.tests
                .iter()
                .filter(|name| !tests.contains_key(**name))
                .map(|name| format!("no test `{name}`")),
        );
        let nothing = rows.is_empty() && case.tests.is_empty();
        match case.level {
            Level::NotBuilt if !nothing => {
                wrong.push(format!("VC-{:03} is not built, and has tests", case.number))
            }
            Level::NotBuilt => {}
            Level::Row if rows.is_empty() => {
                wrong.push(format!("VC-{:03} has no row", case.number))
            }
            Level::Row => {}
            _ if case.tests.is_empty() => wrong.push(format!("VC-{:03} has no test", case.number)),
            _ => {}
        }
        wrong.extend(
            rows.iter().filter(|(_, right)| !right).map(|(says, _)| format!("wrong row: {says}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_test_that_names_a_number_is_in_its_entry() {
    let named: BTreeSet<(u16, &str)> =
        TABLE.iter().flat_map(|case| case.tests.iter().map(|name| (case.number, *name))).collect();
    let tests = tests();
    let missing: Vec<_> = tests
        .keys()
        .flat_map(|name| numbers(name).into_iter().map(move |number| (number, name.as_str())))
        .filter(|of| !named.contains(of))
        .collect();
    assert_eq!(missing, []);
    let unknown: Vec<u16> = rows_by_case()
        .into_keys()
        .filter(|number| !TABLE.iter().any(|case| case.number == *number))
        .collect();
    assert_eq!(unknown, Vec::<u16>::new());
}

#[test]
fn what_is_not_built_is_in_the_document_and_nothing_else_is() {
    let document = document();
    let told: BTreeSet<u16> =
        document.lines().filter(|line| line.starts_with("| VC-")).flat_map(numbers_of).collect();
    let lacking: BTreeSet<u16> =
        TABLE.iter().filter(|case| case.lacks.is_some()).map(|case| case.number).collect();
    assert_eq!(told, lacking);
    assert!(TABLE.iter().all(|case| case.level != Level::NotBuilt || case.lacks.is_some()));
}

/// `| VC-051, VC-052 | ... |`: the numbers of the first column.
fn numbers_of(line: &str) -> Vec<u16> {
    line.split('|')
        .nth(1)
        .unwrap_or_default()
        .split(',')
        .filter_map(|word| number_of(word.trim()))
        .collect()
}

#[test]
fn the_document_names_every_drop_reason_and_its_standard_counter() {
    let document = document();
    for reason in vrrp_common::reason::Reason::ALL {
        assert!(document.contains(&format!("`{}`", reason.label())), "{reason:?}");
    }
}

#[test]
fn the_table_of_cases_is_that_of_the_document() -> anyhow::Result<()> {
    let rows = rows_by_case();
    let row = |case: &Case| {
        let count = rows.get(&case.number).map_or(0, Vec::len);
        let held = [(count, "row"), (case.tests.len(), "test")].map(|(count, what)| match count {
            0 => String::new(),
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        });
        let held = held.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        // The number alone: lines that begin with `VC-` are rows of the table of missing features.
        let partly =
            if case.lacks.is_some() && case.level != Level::NotBuilt { ", in part" } else { "" };
        let level = format!("{}{partly}", case.level.name());
        [format!("{:03}", case.number), case.title.to_owned(), level, held]
    };
    let head = ["case", "what", "level", "held by"];
    hold(DOCUMENT, "cases", &table(head, TABLE.iter().map(row)))
}

#[test]
fn names_and_sentences_give_their_numbers() {
    assert_eq!(numbers("vc074_075_076_priority_zero"), [74, 75, 76]);
    assert_eq!(
        (numbers("vc110_v2_vectors"), numbers("vc_110"), numbers("advert")),
        (vec![110], vec![], vec![])
    );
    assert_eq!(
        (number_of("VC-058 TTL"), number_of("VC-58"), number_of("a VC-058")),
        (Some(58), None, None)
    );
    let text = "#[test]\nfn a() {\n#[test]\n#[ignore = \"needs root: x\"]\nfn b() {\nfn c() {\n";
    assert_eq!(functions(text), [("a".to_owned(), false), ("b".to_owned(), true)]);
    assert_eq!(numbers_of("| VC-051, VC-052 | VC-001 |"), [51, 52]);
}
