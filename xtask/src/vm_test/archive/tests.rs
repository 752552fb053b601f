use super::*;

#[test]
fn an_archive_has_its_directories_once_and_before_their_files() {
    let mut archive = Archive::new();
    archive.file("/etc/a", b"hello");
    archive.link("etc/b", "a");
    archive.file("etc/a", b"again");
    assert!(archive.has("etc/a") && archive.has("/etc") && !archive.has("a"));
    let text = String::from_utf8(archive.finish()).expect("an archive of text");
    let names: Vec<&str> = text
        .split("070701")
        .skip(1)
        .map(|entry| entry[104..].split('\0').next().unwrap_or(""))
        .collect();
    assert_eq!(names, ["etc", "etc/a", "etc/b", "TRAILER!!!"]);
    assert_eq!(text.len() % 4, 0);
    let file = text.split("070701").nth(2).expect("the file");
    assert_eq!(&file[48..56], "00000005", "its size");
    assert!(file.contains("hello\0\0\0"), "padded to four bytes");
}
