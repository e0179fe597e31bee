//! Speaks back to all that is heard: a packet every 20 ms to each stream, from where it sends to.

use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const PHASES: u32 = 20;
const PAYLOAD: usize = 160;

/// Whom to speak to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    /// Which of the sockets it sends to.
    pub(super) socket: usize,
    pub(super) port: u16,
    pub(super) payload_type: u8,
}

/// Speaks until it is dropped.
pub(crate) struct Talker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Talker {
    pub(super) fn start(sockets: Vec<UdpSocket>, listeners: Vec<Listener>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || talk(&sockets, &listeners, &stopped));
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn talk(sockets: &[UdpSocket], listeners: &[Listener], stop: &AtomicBool) {
    let noise = noise();
    let (begin, mut tick) = (Instant::now(), 0_u32);
    while !stop.load(Ordering::Relaxed) {
        let due = begin + Duration::from_millis(tick.into());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let (frame, phase) = (tick / PHASES, (tick % PHASES) as usize);
        for (number, listener) in listeners.iter().enumerate().skip(phase).step_by(PHASES as usize) {
            let mut packet = [0; 12 + PAYLOAD];
            packet[..2].copy_from_slice(&[0x80, listener.payload_type]);
            packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&frame.wrapping_mul(160).to_be_bytes());
            packet[8..12].copy_from_slice(&(0x7000_0000 + number as u32).to_be_bytes());
            let place = (frame as usize * 31 + number * 17) % (noise.len() - PAYLOAD);
            packet[12..].copy_from_slice(&noise[place..place + PAYLOAD]);
            // What cannot be sent is lost, as on a network.
            let _ = sockets[listener.socket].send_to(&packet, (Ipv4Addr::LOCALHOST, listener.port));
        }
        tick += 1;
    }
}

/// Octets that are loud enough for speech in every codec.
fn noise() -> Vec<u8> {
    let mut random = 1_u32;
    let octets = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        // The steps of G.711 that are some 20 dB below the loudest.
        0x20 | (random as u8 & 0x9F)
    });
    octets.take(8_000).collect()
}
