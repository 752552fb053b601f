//! Captured packets as a pcapng file (draft-ietf-opsawg-pcapng): an interface block for each
//! interface, the drop reason as each packet's comment.

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
    /// Begins a file, or standard output for `-`.
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

    /// The number of the interface's block, which is written when it is first needed.
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

/// An error of the output as what it is: whoever looks for a broken pipe must find it.
fn plain(error: PcapError) -> anyhow::Error {
    match error {
        PcapError::IoError(error) => error.into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pcap_file::pcapng::{Block, PcapNgReader};
    use vrrp_common::counter::{DropReason, RouterCounter};

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut pcapng = Pcapng::create(file.path()).expect("writable");
        let at = UNIX_EPOCH + Duration::from_nanos(1_764_000_000_123_456_789);
        let frame: Vec<u8> = (0..60).collect();
        for (ifindex, len) in [(1, 60), (9_999, 1_514), (1, 60)] {
            let reason = Some(DropReason::Router(RouterCounter::NoBackend));
            pcapng.packet(&Packet { at, ifindex, reason, len, frame: &frame }).expect("writable");
        }
        pcapng.flush().expect("writable");
        let mut reader =
            PcapNgReader::new(File::open(file.path()).expect("there")).expect("a pcapng file");
        let (mut interfaces, mut packets) = (Vec::new(), Vec::new());
        while let Some(block) = reader.next_block() {
            match block.expect("well-formed") {
                Block::InterfaceDescription(interface) => interfaces.push(interface.into_owned()),
                Block::EnhancedPacket(packet) => packets.push(packet.into_owned()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(interfaces.len(), 2);
        assert_eq!(interfaces[1].options[0], InterfaceDescriptionOption::IfName("#9999".into()));
        assert_eq!(packets.iter().map(|packet| packet.interface_id).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(packets[1].original_len, 1_514);
        assert_eq!(packets[0].data.as_ref(), frame);
        assert_eq!(packets[0].timestamp, at.duration_since(UNIX_EPOCH).expect("after"));
        assert_eq!(
            packets[0].options,
            [EnhancedPacketOption::Comment("dropped: no_backend".into())]
        );
    }
}
