//! The moments of one attempt in as few bytes as they need. Apart because a streamed answer has hundreds of them: as
//! JSON they would be longer than the answer.
//!
//! Form: one byte of flags (which optional moments exist), the first moment as a LEB128 number, every further one as
//! the zigzag LEB128 difference to the one before. Differences wrap, so that any 64-bit moments come back exactly, in
//! order or not. The number of token events stands before them.

use seatrial_types::Timing;

const HAS_SEND: u8 = 1;
const HAS_FIRST_BYTE: u8 = 1 << 1;
const HAS_FIRST_TOKEN: u8 = 1 << 2;
const HAS_EVENTS: u8 = 1 << 3;
const KNOWN_FLAGS: u8 = HAS_SEND | HAS_FIRST_BYTE | HAS_FIRST_TOKEN | HAS_EVENTS;
/// A LEB128 number of 64 bits has at most this many bytes.
const VARINT_BYTES_MAX: u32 = 10;

/// Appends the bytes of `timing` to `out`.
pub(crate) fn encode(timing: &Timing, out: &mut Vec<u8>) {
    let flag = |present: bool, flag: u8| if present { flag } else { 0 };
    out.push(
        flag(timing.send_ns.is_some(), HAS_SEND)
            | flag(timing.first_byte_ns.is_some(), HAS_FIRST_BYTE)
            | flag(timing.first_token_ns.is_some(), HAS_FIRST_TOKEN)
            | flag(!timing.token_events_ns.is_empty(), HAS_EVENTS),
    );
    put_varint(timing.intended_ns, out);
    let mut last = timing.intended_ns;
    let mut put_moment = |moment: u64, out: &mut Vec<u8>| {
        put_varint(zigzag(moment.wrapping_sub(last).cast_signed()), out);
        last = moment;
    };
    for moment in [timing.send_ns, timing.first_byte_ns, timing.first_token_ns]
        .into_iter()
        .flatten()
    {
        put_moment(moment, out);
    }
    if !timing.token_events_ns.is_empty() {
        put_varint(timing.token_events_ns.len() as u64, out);
        for moment in &timing.token_events_ns {
            put_moment(*moment, out);
        }
    }
    put_moment(timing.end_ns, out);
}

/// Reads what [`encode`] wrote; `None` for anything else.
pub(crate) fn decode(bytes: &[u8]) -> Option<Timing> {
    let mut input = bytes.iter();
    let flags = *input.next()?;
    if flags & !KNOWN_FLAGS != 0 {
        return None;
    }
    let intended_ns = take_varint(&mut input)?;
    let mut last = intended_ns;
    let mut take_moment = |input: &mut std::slice::Iter<'_, u8>| {
        last = last.wrapping_add(unzigzag(take_varint(input)?).cast_unsigned());
        Some(last)
    };
    let mut timing = Timing {
        intended_ns,
        ..Timing::default()
    };
    if flags & HAS_SEND != 0 {
        timing.send_ns = Some(take_moment(&mut input)?);
    }
    if flags & HAS_FIRST_BYTE != 0 {
        timing.first_byte_ns = Some(take_moment(&mut input)?);
    }
    if flags & HAS_FIRST_TOKEN != 0 {
        timing.first_token_ns = Some(take_moment(&mut input)?);
    }
    if flags & HAS_EVENTS != 0 {
        let count = usize::try_from(take_varint(&mut input)?).ok()?;
        // Each event has at least one byte: a damaged count must not reserve memory for events that are not there.
        if count > input.len() {
            return None;
        }
        timing.token_events_ns.reserve_exact(count);
        for _ in 0..count {
            timing.token_events_ns.push(take_moment(&mut input)?);
        }
    }
    timing.end_ns = take_moment(&mut input)?;
    input.as_slice().is_empty().then_some(timing)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low seven bits are what is meant"
)]
fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(input: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut value = 0_u64;
    for index in 0..VARINT_BYTES_MAX {
        let byte = *input.next()?;
        let bits = u64::from(byte & 0x7f);
        let shift = index * 7;
        if (bits << shift) >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(timing: &Timing) -> Option<Timing> {
        let mut bytes = Vec::new();
        encode(timing, &mut bytes);
        decode(&bytes)
    }

    /// Protects the size that the layout counts on: 500 tokens of a usual stream take about four bytes each.
    #[test]
    fn a_usual_stream_is_small() {
        let timing = Timing {
            intended_ns: 5_000_000_000,
            send_ns: Some(5_000_040_000),
            first_byte_ns: Some(5_200_000_000),
            first_token_ns: Some(5_200_100_000),
            token_events_ns: (0..500).map(|i| 5_200_100_000 + i * 20_000_123).collect(),
            end_ns: 15_300_000_000,
        };
        let mut bytes = Vec::new();
        encode(&timing, &mut bytes);
        assert!(bytes.len() <= 500 * 4 + 32, "{}", bytes.len());
        assert_eq!(decode(&bytes), Some(timing));
    }

    /// Protects reading of damaged rows: no cut or changed blob panics or reserves memory without end.
    #[test]
    fn damaged_blobs_are_refused() {
        let mut bytes = Vec::new();
        let timing = Timing {
            send_ns: Some(u64::MAX),
            token_events_ns: vec![1, 2, 3],
            ..Timing::default()
        };
        encode(&timing, &mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), None);
        let huge_count = [
            HAS_EVENTS, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0,
        ];
        assert_eq!(decode(&huge_count), None);
        assert_eq!(decode(&[0xf0, 0, 0]), None);
    }

    proptest! {
        /// Protects exactness: any moments, in any order, come back as they were.
        #[test]
        fn any_moments_come_back(
            intended_ns: u64, send_ns: Option<u64>, first_byte_ns: Option<u64>, first_token_ns: Option<u64>,
            token_events_ns: Vec<u64>, end_ns: u64,
        ) {
            let timing = Timing { intended_ns, send_ns, first_byte_ns, first_token_ns, token_events_ns, end_ns };
            prop_assert_eq!(round_trip(&timing), Some(timing));
        }

        /// Protects against panics on arbitrary bytes.
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
