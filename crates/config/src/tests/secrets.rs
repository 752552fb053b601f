//! No message ever shows a password, however broken the file is.

use super::*;
use crate::render_all;

const SECRET: &str = "hunter2";

fn report(text: &str, language: Language) -> String {
    let mut said = String::new();
    for mode in [Mode::Strict, Mode::Lenient] {
        let (outcome, source) = read(text, language, mode);
        said.push_str(&render_all(&source, &outcome.diagnostics));
        said.push_str(&format!("{:?} {source:?} {outcome:?}", outcome.config));
    }
    said
}

#[test]
fn keepalived_files_with_mistakes_around_the_password() {
    for lines in [
        "authentication {\nauth_type PASS\nauth_pass hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pass hunter2x extra hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pass \"hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pass \"a\"hunter2 b\n}",
        "authentication {\nauth_type PASS\nauth_pass\nhunter2\n}",
        "authentication {\nauth_type PASS auth_pass hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pas hunter2\n}",
        "authentication {\nauth_type hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pass a}hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pass $hunter2\n}",
        "authentication {\nauth_type PASS\nauth_pass hunter2 {\n}\n}",
        "authentication\nauth_pass hunter2",
        "authenticaton {\nauth_type PASS\nauth_pass hunter2\n}",
        "auth_pass hunter2",
        "authentication {\nauth_type PASS\nauth_pass hunter2\\\n}",
        "version 3\nauthentication { auth_pass hunter2 }",
        "auth_hmac {\nkey 1 ascii:hunter2\n}",
        "auth_hmac {\nkey 1 hex:hunter2\n}",
        "auth_hmac {\nkey 1 hunter2 more\n}",
        "auth_hmac {\nkey hunter2\nmode hunter2\n}",
    ] {
        let text = format!(
            "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n{lines}\nvirtual_ipaddress {{\n10.0.0.1\n}}\n}}"
        );
        let said = report(&text, Language::Keepalived);
        assert!(!said.contains(SECRET), "{lines}\n{said}");
    }
}

#[test]
fn toml_files_with_mistakes_around_the_password() {
    for line in [
        "auth_pass = \"hunter2\"\nversion = 3",
        "hmac = { keys = [{ id = 1, secret = \"hunter2\" }] }",
        "hmac = { keys = [{ id = 1, secret = hunter2 }] }",
        "hmac = { keys = [{ id = 0, secrte = \"hunter2\" }] }",
        "hmac = { keys = [{ secret = \"hex:hunter2\", id = 1 }] }",
        "hmac = { keys = [{ secret = \"0123456789abcdef0123456789abcdef-hunter2\", id = 1 }], send = 2 }",
        "auth_pass = \"hunter2",
        "auth_pass = hunter2",
        "auth_pass = \"hunter2-and-more\"\nversion = 2",
        "auth_pass = [\"hunter2\"]",
        "auth_pas = \"hunter2\"",
        "\"auth_pass\" = \"a\\\"hunter2\" x",
        "auth_pass = \"\"\"\nhunter2\"\"\" x",
        "auth_pass = 'hunter2' 'hunter2'",
        "auth_pass = \"a\" = hunter2",
    ] {
        let text = format!(
            "[[virtual_router]]\nname = \"A\"\ninterface = \"e\"\nvrid = 1\naddresses = [\"10.0.0.1\"]\n{line}\n"
        );
        let said = report(&text, Language::Toml);
        assert!(!said.contains(SECRET), "{line}\n{said}");
    }
    let inline = "virtual_router = [{ name = \"A\", auth_pass = \"hunter2\" }]\n";
    let said = report(inline, Language::Toml);
    assert!(!said.contains(SECRET), "{said}");
    assert!(said.contains("missing field `interface`"), "{said}");
    let number = "[[virtual_router]]\nauth_pass = 13371337\n";
    let said = report(number, Language::Toml);
    assert!(!said.contains("13371337"), "{said}");
    assert!(said.contains("a password must be a string"), "{said}");
}
