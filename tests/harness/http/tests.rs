use super::*;

#[test]
fn an_answer_is_parsed() {
    let answer = Response::parse(
        b"HTTP/1.1 200 OK\r\nX-Node: node2\r\nSet-Cookie: PHPSESSID=ab; path=/\r\n\r\nhello",
    );
    let answer = answer.expect("a whole answer");
    assert_eq!(
        (answer.status, answer.header("x-node"), answer.body.as_str()),
        (200, Some("node2"), "hello")
    );
    assert_eq!(answer.cookie(), Some("PHPSESSID=ab"));
}

#[test]
fn half_an_answer_is_an_error() {
    assert!(Response::parse(b"HTTP/1.1 200 OK\r\nX-No").is_err());
}
