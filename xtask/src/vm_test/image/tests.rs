use super::*;

#[test]
fn readelf_names_the_loader_and_the_libraries() {
    let text = "      [Requesting program interpreter: /lib64/ld-linux-x86-64.so.2]\n\
                    0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]\n 0x000 (RPATH) x\n";
    assert_eq!(needed(text), ["/lib64/ld-linux-x86-64.so.2", "libc.so.6"]);
}
