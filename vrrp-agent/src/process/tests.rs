use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use nix::unistd::{Uid, geteuid};

use super::security::{Insecure, check};
use super::*;
use vrrp_model::Command;

/// A directory that no other user can write with an executable in it.
fn own_program() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("chk.sh");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    (dir, program)
}

fn verdict(program: &Path) -> Result<(), Insecure> {
    check(program, geteuid().as_raw())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn programs_of_the_system_may_run_as_root() {
    security::check_root_script(Path::new("/bin/sh")).unwrap();
    security::check_root_script(Path::new("/usr/../bin/./sh")).unwrap();
}

#[test]
fn what_others_can_write_does_not_run_as_root() {
    let (dir, program) = own_program();
    verdict(&program).unwrap();

    chmod(&program, 0o757);
    assert!(matches!(verdict(&program), Err(Insecure::Writable { path, .. }) if path == program));
    chmod(&program, 0o755);
    chmod(dir.path(), 0o777);
    assert!(
        matches!(verdict(&program), Err(Insecure::Writable { path, .. }) if path == dir.path())
    );
    chmod(dir.path(), 0o1777);
    verdict(&program).unwrap();
    chmod(&program, 0o644);
    assert!(matches!(verdict(&program), Err(Insecure::NotExecutable { .. })));
    assert!(matches!(verdict(dir.path()), Err(Insecure::NotExecutable { .. })));
}

#[test]
fn a_link_is_as_secure_as_every_directory_it_leads_through() {
    let (dir, program) = own_program();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    chmod(&open, 0o777);
    symlink(&program, open.join("inner")).unwrap();
    let outer = dir.path().join("outer");
    symlink("open/inner", &outer).unwrap();
    assert!(matches!(verdict(&outer), Err(Insecure::Writable { path, .. }) if path == open));
    chmod(&open, 0o755);
    verdict(&outer).unwrap();

    let circle = dir.path().join("circle");
    symlink("circle", &circle).unwrap();
    assert!(matches!(verdict(&circle), Err(Insecure::Links { .. })));
}

#[test]
fn what_belongs_to_another_user_does_not_run_as_root() {
    let (_dir, program) = own_program();
    if geteuid().is_root() {
        nix::unistd::chown(&program, Some(Uid::from_raw(65_534)), None).unwrap();
    }
    let result = security::check_root_script(&program);
    assert!(matches!(result, Err(Insecure::Owner { .. })), "{result:?}");
}

#[test]
fn what_this_host_lacks_is_no_result_of_a_script() {
    for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EAGAIN] {
        assert!(
            matches!(NotStarted::of("/bin/chk", &errno.into()), NotStarted::Lack(_)),
            "{errno}"
        );
        let source = errno.into();
        let path = PathBuf::from("/bin/chk");
        assert!(
            matches!(NotStarted::from(Insecure::Unreadable { path, source }), NotStarted::Lack(_)),
            "{errno}"
        );
    }
    assert!(matches!(NotStarted::of("/bin/chk", &Errno::ENOENT.into()), NotStarted::Broken(_)));
}

#[test]
fn a_program_that_others_can_replace_runs_as_root_only_without_script_security() {
    if !geteuid().is_root() {
        return;
    }
    let (_dir, program) = own_program();
    chmod(&program, 0o757);
    let secure = Command::new([program.to_str().unwrap()]);
    let why = inspect(&secure).expect_err("others can write it").to_string();
    assert!(why.contains("can be written by others than root"), "{why}");
    let open = Command { secure: false, ..secure };
    let told = inspect(&open).expect("it runs").expect("and this is told");
    assert!(told.contains("can be written by others than root"), "{told}");
}

#[tokio::test]
async fn a_script_without_an_interpreter_line_is_run_by_the_shell() {
    let (dir, program) = own_program();
    let seen = dir.path().join("seen");
    fs::write(&program, format!("echo $1 $VRRP_STATE >{}\n", seen.display())).unwrap();
    let command = Command::new([program.to_str().unwrap(), "word"]);
    let environment = vec![("VRRP_STATE", "MASTER".to_owned())];
    let mut group = start_on_thread(command, environment).unwrap().await.unwrap().unwrap();
    assert_eq!(group.wait().await, Outcome::Exit(0));
    assert_eq!(fs::read_to_string(seen).unwrap(), "word MASTER\n");
}
