use super::*;

#[test]
fn lines_that_stop_or_ask_for_the_program_are_found_and_paths_are_not() {
    for (line, means) in [
        (" /etc/init.d/keepalived stop", true),
        ("systemctl stop keepalived", true),
        ("systemctl restart keepalived.service", true),
        ("service keepalived stop", true),
        ("killall keepalived", true),
        ("pkill -9 keepalived", true),
        ("if [ -z \"$(pidof keepalived)\" ]; then", true),
        ("kill $(cat /run/keepalived.pid)", false),
        ("# systemctl stop keepalived", false),
        ("echo stop >>/var/log/keepalived/notify.log", false),
        ("/etc/keepalived/check.sh stop", false),
        ("logger keepalived", false),
        ("systemctl stop nginx", false),
    ] {
        assert_eq!(means_the_program(line), means, "{line}");
    }
}
