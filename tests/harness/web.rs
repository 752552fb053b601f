//! An nginx on any host and port that records its clients: a backend behind the nodes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Lab;
use crate::daemons::{make_dir, program, write};
use crate::names::Host;
use crate::process::{Daemon, wait_until};

/// Size of `/slow` in bytes, and bytes per second of its download.
pub const SLOW_FILE: u64 = 16 << 20;
const SLOW_RATE: &str = "4m";
const PATIENCE: Duration = Duration::from_secs(10);

/// A running nginx; dropping the value ends it.
#[derive(Debug)]
pub struct WebServer {
    daemon: Daemon,
    log: PathBuf,
}

impl WebServer {
    /// Starts it on `host`, on every address of both families, and waits until it listens.
    pub fn start(lab: &Lab, host: Host, port: u16) -> Result<Self> {
        let dir = lab.dir(host).join(format!("web{port}"));
        for sub in ["temp", "html"] {
            make_dir(&dir.join(sub))?;
        }
        let log = dir.join("access.log");
        write(&dir.join("nginx.conf"), &config(&log, port))?;
        write(&dir.join("html/index.html"), &format!("{host}\n"))?;
        let slow = dir.join("html/slow");
        File::create(&slow)
            .and_then(|file| file.set_len(SLOW_FILE))
            .with_context(|| format!("making {}", slow.display()))?;
        let netns = lab.topology().host(host);
        let mut command = netns.command(&program("nginx")?)?;
        command.arg("-p").arg(&dir).arg("-c").arg(dir.join("nginx.conf"));
        command.arg("-e").arg(dir.join("error.log")).args(["-g", "daemon off;"]);
        let daemon = Daemon::start(&format!("{host}/web{port}"), command, &dir.join("output.log"))?;
        let server = Self { daemon, log };
        wait_until(&format!("nginx of {host} on port {port}"), PATIENCE, || {
            netns.run(move || Ok(std::net::TcpStream::connect(("127.0.0.1", port))?)).is_ok()
        })?;
        Ok(server)
    }

    /// The client addresses of the answered requests, in order.
    pub fn clients(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.log)
            .with_context(|| format!("reading {}", self.log.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.daemon.kill_group();
    }
}

fn config(log: &Path, port: u16) -> String {
    format!(
        "user www-data;\nworker_processes 1;\npid pid;\nevents {{}}\nhttp {{\n    log_format who $remote_addr;\n    \
         access_log {} who;\n    client_body_temp_path temp/body;\n    proxy_temp_path temp/proxy;\n    \
         fastcgi_temp_path temp/fastcgi;\n    uwsgi_temp_path temp/uwsgi;\n    scgi_temp_path temp/scgi;\n    sendfile on;\n    \
         server {{\n        listen {port};\n        listen [::]:{port};\n        root html;\n        \
         add_header X-Node $hostname always;\n        location = /slow {{ limit_rate {SLOW_RATE}; }}\n    }}\n}}\n",
        log.display()
    )
}
