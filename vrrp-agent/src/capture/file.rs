//! Captured packets as a pcapng file (draft-ietf-opsawg-pcapng): one interface block per interface,
//! the drop reason as each packet's comment.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};

use super::{Packet, Sink, line};

/// `if_tsresol`: nanoseconds.
const NANOSECONDS: u8 = 9;

pub struct Pcapng {
    writer: PcapNgWriter<Box<dyn Write>>,
    /// Interface indexes in the order of their blocks.
    interfaces: Vec<u32>,
}

impl Pcapng {
    /// Creates the file; `-` is standard output.
    pub fn create(path: &Path) -> Result<Self> {
        let output: Box<dyn Write> = if path == Path::new("-") {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            Box::new(BufWriter::new(
                File::create(path).with_context(|| format!("creating {}", path.display()))?,
            ))
        };
        Ok(Self { writer: PcapNgWriter::new(output).map_err(plain)?, interfaces: Vec::new() })
    }

    /// The number of the interface's block, which is written at its first use.
    fn interface(&mut self, ifindex: u32) -> Result<u32> {
        if let Some(number) = self.interfaces.iter().position(|&known| known == ifindex) {
            return Ok(number as u32);
        }
        self.writer
            .write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::ETHERNET,
                snaplen: 0,
                options: vec![
                    InterfaceDescriptionOption::IfName(Cow::Owned(line::interface(ifindex))),
                    InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
                ],
            })
            .map_err(plain)?;
        self.interfaces.push(ifindex);
        Ok(self.interfaces.len() as u32 - 1)
    }
}

impl Sink for Pcapng {
    fn packet(&mut self, packet: &Packet) -> Result<()> {
        let interface_id = self.interface(packet.ifindex)?;
        let reason = packet.reason.map_or("?", |reason| reason.label());
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: packet.at.duration_since(UNIX_EPOCH).unwrap_or_default(),
            original_len: packet.len,
            data: Cow::Borrowed(packet.frame),
            options: vec![EnhancedPacketOption::Comment(Cow::Owned(format!("dropped: {reason}")))],
        };
        self.writer.write_pcapng_block(block).map_err(plain)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

/// Unwraps an I/O error of the output, so that callers can recognise a broken pipe.
fn plain(error: PcapError) -> anyhow::Error {
    match error {
        PcapError::IoError(error) => error.into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
