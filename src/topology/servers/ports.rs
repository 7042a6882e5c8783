//! Loopback ports for managed servers.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Ports that are tried first. They lie below the range that systems give to outgoing connections: a port from that
/// range could be taken by one of hotset's own connections while its server is down, and a client that keeps
/// reconnecting to it could even be connected to itself. Adding ten thousand, as a cluster node does for its bus, still
/// gives a port.
const PREFERRED: std::ops::Range<u16> = 12_000..22_000;

/// The number of preferred ports that are tried before any port of the system's choice is taken.
const TRIES: u16 = 50;

/// A port of 127.0.0.1 on which nobody listened a moment ago. Another process may take it before the server does, so a
/// server's start is tried again with another port.
pub fn free_port() -> io::Result<u16> {
    if PREFERRED.end <= first_ephemeral_port() {
        // Tests and runs that start at the same time begin at different ports, which makes them collide less.
        let spread = random_u16()?;
        for attempt in 0..TRIES {
            let step = spread.wrapping_add(attempt.wrapping_mul(199));
            let port = PREFERRED.start + step % (PREFERRED.end - PREFERRED.start);
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The first port that the system gives to outgoing connections.
fn first_ephemeral_port() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    // Other Unixes follow IANA's 49152, or Linux's 32768 at the lowest.
    range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32_768)
}

fn random_u16() -> io::Result<u16> {
    let mut bytes = [0; 2];
    io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(u16::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port().unwrap();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
