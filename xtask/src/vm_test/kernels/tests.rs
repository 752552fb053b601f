use super::*;

#[test]
fn versions_are_compared_as_numbers() {
    assert_eq!(
        compare("linux-image-6.1.0-56-cloud-amd64", "linux-image-6.1.0-9-cloud-amd64"),
        Ordering::Greater
    );
    assert_eq!(
        compare("linux-binary-7.3.4+deb13-cloud-amd64", "linux-binary-7.10.1+deb13-cloud-amd64"),
        Ordering::Less
    );
}
