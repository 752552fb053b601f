//! The JSON Schema and the reference file hold every key that the reader knows, and no other;
//! defaults are what they say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::garbage::Random;
use super::*;
use crate::{Severity, to_toml};

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");
const SCHEMA: &str = include_str!("../../../../schema/vrrp-agent.schema.json");

/// Each table of the language: its name in the schema, and a file with an unknown key in it.
const TABLES: &[(&str, &str)] = &[
    ("", "nobody = 1"),
    ("election", "[election]\nnobody = 1"),
    ("tunnel", "[tunnel]\nnobody = 1"),
    ("virtual_router", "[[virtual_router]]\nnobody = 1"),
    ("full_address", "[[virtual_router]]\naddresses = [{ nobody = 1 }]"),
    ("full_peer", "[[virtual_router]]\npeers = [{ nobody = 1 }]"),
    ("hmac", "[[virtual_router]]\nhmac = { nobody = 1 }"),
    ("hmac_key", "[[virtual_router]]\nhmac = { keys = [{ nobody = 1 }] }"),
    ("sync_group", "[[sync_group]]\nnobody = 1"),
    ("garp", "[[virtual_router]]\ngarp = { nobody = 1 }"),
    ("track_script", "[[virtual_router]]\ntrack_scripts = [{ nobody = 1 }]"),
    ("track_interface", "[[virtual_router]]\ntrack_interfaces = [{ nobody = 1 }]"),
    ("route", "[[static_route]]\nnobody = 1"),
    ("rule", "[[static_rule]]\nnobody = 1"),
    ("script", "[[script]]\nnobody = 1"),
    ("recover", "[[script]]\nrecover = { nobody = 1 }"),
    ("notify", "[[notify]]\nnobody = 1"),
    ("mail", "[mail]\nnobody = 1"),
    ("notify_fifo", "[[notify_fifo]]\nnobody = 1"),
    ("service", "[[service]]\nnobody = 1"),
    ("upstream", "[[upstream]]\nnobody = 1"),
    ("upstream_backend", "[[upstream]]\nbackends = [{ nobody = 1 }]"),
    ("backend", "[[service]]\nbackends = [{ nobody = 1 }]"),
    ("sorry_server", "[[service]]\nsorry_server = { nobody = 1 }"),
    ("guard", "[[service]]\nguard = { nobody = 1 }"),
    ("rate", "[[service]]\nguard = { new_total = { nobody = 1 } }"),
    ("check", "[[service]]\ncheck = { nobody = 1 }"),
    ("request", "[[service]]\ncheck = { requests = [{ nobody = 1 }] }"),
];

type Keys = BTreeMap<String, BTreeSet<String>>;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// What the reader says it expected.
fn known() -> Keys {
    let of = |text: &str| {
        let said = lines(text, Language::Toml, Mode::Strict).join("\n");
        let (_, expected) =
            said.split_once(", expected ").unwrap_or_else(|| panic!("{text}: {said}"));
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    TABLES.iter().map(|(name, text)| ((*name).to_owned(), of(text))).collect()
}

/// Follows a `$ref`; its name as well.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
    match schema["$ref"].as_str() {
        Some(path) => {
            let name = path.strip_prefix("#/$defs/").expect("references go to $defs");
            (Some(name), &root["$defs"][name])
        }
        None => (None, schema),
    }
}

/// Problems of `value`; notes the keys that were used in each table. Knows the part of JSON Schema
/// that the schema uses.
fn validate(
    root: &Value,
    schema: &Value,
    table: &str,
    value: &Value,
    used: &mut Keys,
) -> Vec<String> {
    let (name, schema) = resolve(root, schema);
    let table = name.unwrap_or(table);
    if let Some(all) = schema["anyOf"].as_array() {
        let one = |schema| {
            let mut used = used.clone();
            let problems = validate(root, schema, table, value, &mut used);
            problems.is_empty().then_some(used)
        };
        return match all.iter().find_map(one) {
            Some(more) => {
                *used = more;
                Vec::new()
            }
            None => vec![format!("{table}: {value} is none of {all:?}")],
        };
    }
    let mut problems = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            problems.push(format!("{table}: {what}: {value}"));
        }
    };
    let number = |key: &str| schema[key].as_i64();
    match schema["type"].as_str() {
        Some("string") => demand(value.is_string(), "not a string"),
        Some("boolean") => demand(value.is_boolean(), "not a boolean"),
        Some("integer") => {
            let range = number("minimum").expect("a bound")..=number("maximum").expect("a bound");
            demand(value.as_i64().is_some_and(|value| range.contains(&value)), "not in range");
        }
        Some("array") => demand(value.is_array(), "not a list"),
        Some("object") => demand(value.is_object(), "not a table"),
        other => demand(
            other.is_none() && schema["enum"].as_array().is_some_and(|all| all.contains(value)),
            "not allowed",
        ),
    }
    let length = value.as_str().map(|text| text.chars().count() as i64);
    demand(length.is_none_or(|length| length >= number("minLength").unwrap_or(0)), "too short");
    let items = value.as_array().map_or(0, Vec::len) as i64;
    demand(!value.is_array() || items >= number("minItems").unwrap_or(0), "too few");
    demand(items <= number("maxItems").unwrap_or(i64::MAX), "too many");
    for required in schema["required"].as_array().into_iter().flatten() {
        demand(value.get(required.as_str().unwrap_or_default()).is_some(), "a key is missing");
    }
    for item in value.as_array().into_iter().flatten() {
        problems.extend(validate(root, &schema["items"], table, item, used));
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        used.entry(table.to_owned()).or_default().insert(key.clone());
        match schema["properties"].get(key) {
            Some(schema) => problems.extend(validate(root, schema, key, inner, used)),
            None => problems.push(format!("{table}: {key} is not in the schema")),
        }
    }
    problems
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(::toml::from_str::<::toml::Value>(text).expect("TOML"))
        .expect("TOML fits into JSON")
}

#[test]
fn schema_has_every_key_and_no_other() {
    let schema = schema();
    for (table, keys) in known() {
        let here = if table.is_empty() { &schema } else { &schema["$defs"][&table] };
        let listed: BTreeSet<String> =
            here["properties"].as_object().expect("a table").keys().cloned().collect();
        assert_eq!(listed, keys, "[{table}]");
        assert_eq!(here["additionalProperties"], false, "[{table}]");
    }
}

#[test]
fn reference_file_has_every_key_and_passes_check_and_schema() {
    let schema = schema();
    let mut used = Keys::new();
    assert_eq!(validate(&schema, &schema, "", &as_json(REFERENCE), &mut used), [""; 0]);
    assert_eq!(used, known());
    assert_eq!(lines(REFERENCE, Language::Toml, Mode::Strict), [""; 0]);
}

#[test]
fn what_the_reference_calls_a_default_is_one() {
    let with =
        read(REFERENCE, Language::Toml, Mode::Strict).0.config.expect("the reference is good");
    let is_default = |line: &&str| {
        line.contains(" = ") && !line.starts_with([' ', '#', '[']) && !line.contains("# example")
    };
    let defaults: Vec<&str> =
        REFERENCE.lines().filter(is_default).filter(|line| !line.ends_with('[')).collect();
    assert!(defaults.len() > 20, "{defaults:?}");
    for line in defaults {
        let without = REFERENCE.replacen(&format!("\n{line}\n"), "\n", 1);
        assert_ne!(without, REFERENCE);
        let (outcome, _) = read(&without, Language::Toml, Mode::Strict);
        assert_eq!(
            outcome.config.as_ref(),
            Some(&with),
            "{line} is not the default: {:?}",
            outcome.diagnostics
        );
    }
}

#[test]
fn defaults_of_the_schema_are_those_of_the_reference() {
    let schema = schema();
    let reference = as_json(REFERENCE);
    let router = &reference["virtual_router"][0];
    let pairs = [
        (&schema, &reference),
        (&schema["$defs"]["virtual_router"], router),
        (&schema["$defs"]["garp"], &router["garp"]),
        (&schema["$defs"]["script"], &reference["script"][0]),
        (&schema["$defs"]["service"], &reference["service"][0]),
        (&schema["$defs"]["backend"], &reference["service"][0]["backends"][0]),
        (&schema["$defs"]["check"], &reference["service"][0]["check"]),
        (&schema["$defs"]["guard"], &reference["service"][0]["guard"]),
    ];
    for (schema, reference) in pairs {
        for (key, property) in schema["properties"].as_object().expect("a table") {
            let Some(default) = property.get("default").filter(|_| !key.starts_with("track_"))
            else {
                continue;
            };
            assert_eq!(default, &reference[key], "{key}");
        }
    }
}

#[test]
fn schema_accepts_what_the_reader_accepts() {
    let schema = schema();
    let mut random = Random(4);
    for _ in 0..500 {
        let text = to_toml(&models::config(&mut random));
        let problems = validate(&schema, &schema, "", &as_json(&text), &mut Keys::new());
        assert_eq!(problems, [""; 0], "{text}");
    }
    assert_eq!(validate(&schema, &schema, "", &as_json(NODE1_TOML), &mut Keys::new()), [""; 0]);
}

#[test]
fn schema_refuses_what_the_reader_refuses() {
    let schema = schema();
    for (from, to) in [
        ("vrid = 51", "vrid = 256"),
        ("name = \"VI_1\"", "name = \"\""),
        ("port = 80\n", ""),
        ("type = \"tcp\"", "type = \"icmp\""),
        ("weight = -10", "weight = \"-10\""),
    ] {
        let text = NODE1_TOML.replacen(from, to, 1);
        assert_ne!(text, NODE1_TOML);
        assert!(
            !validate(&schema, &schema, "", &as_json(&text), &mut Keys::new()).is_empty(),
            "{to}"
        );
        let (outcome, _) = read(&text, Language::Toml, Mode::Strict);
        assert!(
            outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error),
            "{to}"
        );
    }
}
