//! The reference of the configuration, from its JSON schema. Pure.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use vrrp_tests::documents::table;

/// Greater bounds are those of the type, not of the key.
const UNBOUNDED: u64 = u32::MAX as u64;
const REF: &str = "#/$defs/";

/// A section for the top level and one for each kind of table; required keys come first.
pub fn reference(schema: &Value) -> Result<String> {
    let mut text = section("top level", "Keys before the first table.", schema)?;
    let kinds = schema["$defs"].as_object().context("the schema has no $defs")?;
    for (name, kind) in kinds.iter().filter(|(_, kind)| kind.get("properties").is_some()) {
        let about = description(kind).or_else(|| described_where_used(schema, name));
        let about = about.with_context(|| format!("no description of {name}"))?;
        text += &section(short(name), &format!("{about}."), kind)?;
    }
    Ok(text)
}

fn section(name: &str, about: &str, kind: &Value) -> Result<String> {
    let keys = kind["properties"].as_object().with_context(|| format!("{name} has no keys"))?;
    let required: Vec<&str> =
        kind["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_required = |key: &str| required.contains(&key);
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by_key(|(key, _)| !is_required(key));
    let rows = keys.into_iter().map(|(key, value)| {
        let default = match value.get("default") {
            _ if is_required(key) => "required".to_owned(),
            Some(default) => format!("`{default}`"),
            None => String::new(),
        };
        let about = description(value).unwrap_or_default().to_owned();
        [format!("`{key}`"), kind_of(value), default, about]
    });
    let mut text = String::new();
    write!(text, "### {name}\n\n{about}\n\n")?;
    text += &table(["key", "value", "default", "meaning"], rows);
    text.push('\n');
    Ok(text)
}

fn description(value: &Value) -> Option<&str> {
    value["description"].as_str()
}

/// A table without a description of its own is described where a key refers to it.
fn described_where_used<'s>(schema: &'s Value, name: &str) -> Option<&'s str> {
    let reference = format!("{REF}{name}");
    let kinds = schema["$defs"].as_object()?.values().chain([schema]);
    let keys = kinds.filter_map(|kind| kind["properties"].as_object()).flat_map(Map::values);
    let mut users = keys.filter(|key| {
        key["$ref"] == reference.as_str()
            || key["items"]["$ref"] == reference.as_str()
            || short(name) != name
                && key["items"]["$ref"] == format!("{REF}{}", short(name)).as_str()
    });
    users.find_map(description)
}

/// `full_peer` is what a peer is as a table.
fn short(name: &str) -> &str {
    name.strip_prefix("full_").unwrap_or(name)
}

/// What may be written for a key.
fn kind_of(value: &Value) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix(REF)) {
        return match name {
            "duration" => "duration".to_owned(),
            "peer" | "address" => format!("string or table [{name}](#{name})"),
            _ => format!("table [{name}](#{name})"),
        };
    }
    if let Some(words) = value["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(kinds) = value["anyOf"].as_array() {
        return kinds.iter().map(kind_of).collect::<Vec<_>>().join(" or ");
    }
    match value["type"].as_str() {
        Some("array") => format!("list of {}", kind_of(&value["items"])),
        Some("integer") => range(value),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

fn range(value: &Value) -> String {
    let least = &value["minimum"];
    match &value["maximum"] {
        most if most.as_u64() == Some(UNBOUNDED) => format!("{least} or more"),
        most => format!("{least} to {most}"),
    }
}
