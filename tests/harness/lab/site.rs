//! The services behind the routers, and how they are started and killed.

use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result};

use super::{Lab, PATIENCE};
use crate::agent::{self, AgentPaths};
use crate::names::{FASTCGI_PORT, HTTP_PORT, Host, MEMCACHED_PORT, Node, SITE_NAME};
use crate::process::wait_until;
use crate::{cgroup, daemons};

impl Lab {
    pub(super) fn start_site(&mut self) -> Result<()> {
        self.start("cache/memcached", daemons::memcached(&self.topology.host(Host::Cache))?)?;
        for host in Host::PHP {
            self.start_php(host)?;
        }
        let dns = daemons::dnsmasq(&self.dir(Host::Dns), &self.topology.host(Host::Dns))?;
        self.start("dns/dnsmasq", dns)?;
        for node in Node::BOTH {
            daemons::check_script(&self.make_node_dir(node)?)?;
            agent::mount_bpf(&AgentPaths::below(&self.dir(node.host())).bpf_dir)?;
            self.start_nginx(node)?;
        }
        self.wait_for_port(Host::Cache, Host::Cache.back(), MEMCACHED_PORT)?;
        for host in Host::PHP {
            self.wait_for_port(host, host.back(), FASTCGI_PORT)?;
        }
        wait_until("an answer of the name server", PATIENCE, || self.resolve(SITE_NAME).is_ok())
    }

    /// Starts nginx on `node` and waits until it listens.
    pub fn start_nginx(&mut self, node: Node) -> Result<()> {
        let cgroup =
            AgentPaths::below(&self.dir(node.host())).cgroup.filter(|path| cgroup::make(path));
        let steered = cgroup.is_some() && self.router(node).steers_upstreams();
        self.start_nginx_with(node, &daemons::nginx_conf(steered))
    }

    /// The same, with another configuration.
    pub fn start_nginx_with(&mut self, node: Node, text: &str) -> Result<()> {
        let dir = self.dir(node.host());
        let cgroup = AgentPaths::below(&dir).cgroup.filter(|path| cgroup::make(path));
        let command = daemons::nginx(
            &dir.join("nginx"),
            &self.topology.host(node.host()),
            text,
            cgroup.as_deref(),
        )?;
        self.start(&nginx_name(node), command)?;
        self.wait_for_port(node.host(), Some(node.front()), HTTP_PORT)
    }

    /// Kills nginx on `node`, master and workers.
    pub fn kill_nginx(&mut self, node: Node) -> Result<()> {
        self.take(&nginx_name(node))?.kill_group();
        Ok(())
    }

    /// Starts php-fpm on one of its hosts.
    pub fn start_php(&mut self, host: Host) -> Result<()> {
        let command = daemons::php_fpm(&self.dir(host).join("php-fpm"), &self.topology.host(host))?;
        self.start(&php_name(host), command)
    }

    /// Kills php-fpm on one of its hosts, master and workers.
    pub fn kill_php(&mut self, host: Host) -> Result<()> {
        self.take(&php_name(host))?.kill_group();
        Ok(())
    }

    /// Connects from `node` as a process of its nginx's cgroup.
    pub fn connect_as_nginx(&self, node: Node, to: SocketAddr) -> Result<TcpStream> {
        let cgroup =
            AgentPaths::below(&self.dir(node.host())).cgroup.context("no cgroup of version 2")?;
        let home = cgroup::home(0)?;
        // The whole process enters the cgroup: a socket belongs to the cgroup of the process that
        // made it.
        cgroup::enter(&cgroup, 0)?;
        let stream = self.topology.host(node.host()).run(move || Ok(TcpStream::connect(to)?));
        cgroup::enter(&home, 0)?;
        stream
    }
}

fn nginx_name(node: Node) -> String {
    format!("{node}/nginx")
}

fn php_name(host: Host) -> String {
    format!("{host}/php-fpm")
}
