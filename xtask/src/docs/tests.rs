use serde_json::json;

use super::schema::reference;

#[test]
fn a_schema_becomes_a_section_for_each_table() {
    let schema = json!({
        "required": ["router"],
        "properties": {
            "router": {
                "description": "An election",
                "type": "array",
                "items": { "$ref": "#/$defs/router" },
            },
            "delay": { "description": "Wait", "$ref": "#/$defs/duration", "default": "0s" },
        },
        "$defs": {
            "duration": { "type": "string" },
            "router": {
                "properties": {
                    "vrid": { "description": "Number", "type": "integer", "minimum": 1, "maximum": 255 },
                    "version": { "enum": [2, 3], "default": 3 },
                    "fall": { "type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32 },
                },
            },
        },
    });
    let expected = "\
### top level

Keys before the first table.

| key | value | default | meaning |
|---|---|---|---|
| `router` | list of table [router](#router) | required | An election |
| `delay` | duration | `\"0s\"` | Wait |

### router

An election.

| key | value | default | meaning |
|---|---|---|---|
| `fall` | 1 or more | |  |
| `version` | `2`, `3` | `3` |  |
| `vrid` | 1 to 255 | | Number |

";
    assert_eq!(reference(&schema).unwrap(), expected);
}
