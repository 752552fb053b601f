use tokio::net::TcpListener;

use super::*;

/// Greets, and answers each line with the next of `answers`. Returns the lines.
async fn serve(answers: &'static [&'static str]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut lines = String::new();
        for answer in answers {
            stream.write_all(answer.as_bytes()).await.unwrap();
            if !answer.ends_with('\n') {
                break;
            }
            stream.read_line(&mut lines).await.unwrap();
        }
        lines
    });
    (at, serving)
}

#[tokio::test]
async fn a_mail_server_is_good_while_it_keeps_to_the_protocol() {
    let (at, server) = serve(&["220-hello\r\n220 a\r\n", "250 b\r\n", "221 bye\r\n"]).await;
    assert_eq!(talk(at, "node1").await.map_err(|why| why.to_string()), Ok("SMTP 250".to_owned()));
    assert_eq!(server.await.unwrap(), "HELO node1\r\nQUIT\r\n");
    for (answers, why) in [
        (&["554 no\r\n"][..], "the greeting is 554, not 220"),
        (&["220 a\r\n", "502 no\r\n"], "the answer to HELO is 502, not 250"),
        (&["220 a\r\n", "250 b\r\n", "2"], "the answer to QUIT broke off"),
    ] {
        let (at, _server) = serve(answers).await;
        assert_eq!(talk(at, "x").await.map_err(|why| why.to_string()), Err(why.to_owned()));
    }
}
