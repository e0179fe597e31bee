//! Capture files: the pcapng format (IETF draft-ietf-opsawg-pcapng) as far as one needs it to hand
//! packets to Wireshark, tcpdump and sngrep.

use jiff::Timestamp;

/// Packets that begin with their IP header, of either version (LINKTYPE_RAW).
const RAW_IP: u16 = 101;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

const COMMENT: u16 = 1;
const PROGRAM: u16 = 4;
const END: u16 = 0;

/// The longest text of an option.
const LONGEST_TEXT: usize = 1024;

/// One packet.
pub(super) struct Packet {
    /// When it was seen.
    pub(super) at: Timestamp,
    /// What there is of it, from its IP header on.
    pub(super) bytes: Vec<u8>,
    /// How long it was.
    pub(super) length: usize,
    /// What a reader should know about it.
    pub(super) comment: String,
}

/// A file with these packets, in this order.
pub(super) fn file(comment: &str, packets: &[Packet]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut section = Vec::new();
    section.extend(0x1A2B_3C4D_u32.to_le_bytes());
    section.extend(1_u16.to_le_bytes());
    section.extend(0_u16.to_le_bytes());
    // How long the section is: it goes to the end of the file.
    section.extend(u64::MAX.to_le_bytes());
    option(&mut section, COMMENT, comment);
    option(&mut section, PROGRAM, concat!("Outdial ", env!("CARGO_PKG_VERSION")));
    option(&mut section, END, "");
    block(&mut file, SECTION, &section);

    let mut interface = Vec::new();
    interface.extend(RAW_IP.to_le_bytes());
    interface.extend(0_u16.to_le_bytes());
    // No packet is cut because of its length alone.
    interface.extend(0_u32.to_le_bytes());
    block(&mut file, INTERFACE, &interface);
    for packet in packets {
        block(&mut file, PACKET, &body(packet));
    }
    file
}

fn body(packet: &Packet) -> Vec<u8> {
    let micros = u64::try_from(packet.at.as_microsecond()).unwrap_or(0);
    let mut body = Vec::with_capacity(packet.bytes.len() + 64);
    // The only interface.
    body.extend(0_u32.to_le_bytes());
    body.extend(u32::try_from(micros >> 32).unwrap_or(u32::MAX).to_le_bytes());
    body.extend(u32::try_from(micros & u64::from(u32::MAX)).unwrap_or(0).to_le_bytes());
    body.extend(size(packet.bytes.len()).to_le_bytes());
    body.extend(size(packet.length).to_le_bytes());
    body.extend_from_slice(&packet.bytes);
    pad(&mut body);
    option(&mut body, COMMENT, &packet.comment);
    option(&mut body, END, "");
    body
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = size(body.len() + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend_from_slice(body);
    file.extend(length);
}

fn option(body: &mut Vec<u8>, code: u16, text: &str) {
    let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
    body.extend_from_slice(text.as_bytes());
    pad(body);
}

/// Everything in a block begins at a multiple of four octets.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn size(length: usize) -> u32 {
    u32::try_from(length).expect("what is kept of a leg is far smaller")
}
