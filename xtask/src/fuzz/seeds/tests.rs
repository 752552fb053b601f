use super::*;

#[test]
fn a_configuration_is_cut_into_its_blocks() {
    assert_eq!(blocks("a {\n  b {\n  }\n}\n\nc {\n}\n"), ["a {\n  b {\n  }\n}\n", "\nc {\n}\n"]);
    assert_eq!(
        blocks("x = 1\n[[a]]\ny = [\n]\n[[b]]\n"),
        ["x = 1\n", "[[a]]\ny = [\n]\n", "[[b]]\n"]
    );
}

#[test]
fn words_are_what_a_reader_may_know() {
    assert!(["auth_pass", "pcap-file", "v3"].into_iter().all(is_word));
    assert!(["", "x", "two words", "{", "a\\n"].into_iter().all(|text| !is_word(text)));
}

#[test]
fn the_dictionary_has_keywords_keys_and_choices() {
    let words = words().expect("the sources of the parsers");
    for word in ["virtual_router_id", "advert_int", "source", "priority", "accept"] {
        assert!(words.contains(word), "{word} is missing");
    }
    assert!(!files(CONFIGURATIONS[2], &["conf", "toml"]).expect("a directory").is_empty());
}
