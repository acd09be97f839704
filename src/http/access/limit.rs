//! How often somebody may send a wrong token.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Wrong tokens that may come from an address within [`WITHIN`].
const MOST_WRONG: usize = 10;

const WITHIN: Duration = Duration::from_mins(1);

/// Addresses that are remembered; of more, the one that was quiet for longest is
/// forgotten.
const MOST_ADDRESSES: usize = 4096;

/// What begins the hash of a wrong token, to tell one from another.
pub(super) type Mark = [u8; 8];

/// A wrong token, and when it came.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    mark: Mark,
    at: Instant,
}

/// What is to be done with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts for what it is.
    Heard,
    /// It is wrong, and that is news.
    NewlyWrong,
    /// It does not count, right or wrong, for so many seconds.
    Wait(u32),
}

/// Wrong tokens by address. Of a token that is sent again and again, as by a map with
/// an old one, only the first counts: nobody learns anything by it.
#[derive(Debug, Default)]
pub(super) struct Limit {
    wrong: Mutex<HashMap<IpAddr, Vec<Wrong>>>,
}

impl Limit {
    /// What to do with a token that came from an address; `wrong` is the mark of one
    /// that is.
    pub(super) fn judge(&self, address: IpAddr, wrong: Option<Mark>, now: Instant) -> Verdict {
        let address = neighbourhood(address);
        let mut all = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |wrong: &Wrong| now.saturating_duration_since(wrong.at) < WITHIN;
        if let Some(known) = all.get_mut(&address) {
            known.retain(counts);
            if known.len() >= MOST_WRONG {
                let first = known.iter().map(|wrong| wrong.at).min().unwrap_or(now);
                let left = WITHIN.saturating_sub(now.saturating_duration_since(first));
                return Verdict::Wait(u32::try_from(left.as_secs()).unwrap_or(u32::MAX) + 1);
            }
        }
        let Some(mark) = wrong else {
            return Verdict::Heard;
        };
        if !all.contains_key(&address) && all.len() >= MOST_ADDRESSES {
            make_room(&mut all, counts);
        }
        let known = all.entry(address).or_default();
        if known.iter().any(|wrong| wrong.mark == mark) {
            return Verdict::Heard;
        }
        known.push(Wrong { mark, at: now });
        Verdict::NewlyWrong
    }
}

fn make_room(all: &mut HashMap<IpAddr, Vec<Wrong>>, counts: impl Fn(&Wrong) -> bool) {
    all.retain(|_, known| known.iter().any(&counts));
    if all.len() < MOST_ADDRESSES {
        return;
    }
    let last = |known: &Vec<Wrong>| known.iter().map(|wrong| wrong.at).max();
    let quietest = all.iter().min_by_key(|(_, known)| last(known));
    if let Some(quietest) = quietest.map(|(address, _)| *address) {
        all.remove(&quietest);
    }
}

/// An address, or of version 6 the first half of it: the other half is the client's
/// to choose.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn mark(n: usize) -> Mark {
        (n as u64).to_be_bytes()
    }

    fn use_up(limit: &Limit, address: IpAddr, now: Instant) {
        for n in 0..MOST_WRONG {
            assert_eq!(
                limit.judge(address, Some(mark(n)), now),
                Verdict::NewlyWrong
            );
        }
    }

    #[test]
    fn after_ten_wrong_tokens_even_a_right_one_waits_until_a_minute_has_passed() {
        let (limit, begun) = (Limit::default(), Instant::now());
        use_up(&limit, CLIENT, begun);
        let later = begun + Duration::from_secs(20);
        for token in [Some(mark(99)), None] {
            assert_eq!(limit.judge(CLIENT, token, later), Verdict::Wait(41));
        }
        let other = "192.0.2.2".parse().unwrap();
        assert_eq!(limit.judge(other, None, later), Verdict::Heard);
        let after = begun + WITHIN;
        assert_eq!(limit.judge(CLIENT, None, after), Verdict::Heard);
        assert_eq!(
            limit.judge(CLIENT, Some(mark(0)), after),
            Verdict::NewlyWrong
        );
    }

    #[test]
    fn the_same_wrong_token_again_is_no_further_guess() {
        let (limit, now) = (Limit::default(), Instant::now());
        assert_eq!(limit.judge(CLIENT, Some(mark(1)), now), Verdict::NewlyWrong);
        for _ in 0..100 {
            assert_eq!(limit.judge(CLIENT, Some(mark(1)), now), Verdict::Heard);
        }
    }

    #[test]
    fn a_network_of_version_6_is_one_client_and_a_mapped_address_is_of_version_4() {
        let (limit, now) = (Limit::default(), Instant::now());
        use_up(&limit, "2001:db8:1:2::1".parse().unwrap(), now);
        let judged = |text: &str| limit.judge(text.parse().unwrap(), None, now);
        assert!(matches!(judged("2001:db8:1:2:ffff::9"), Verdict::Wait(_)));
        assert_eq!(judged("2001:db8:1:3::1"), Verdict::Heard);
        use_up(&limit, CLIENT, now);
        assert!(matches!(judged("::ffff:192.0.2.1"), Verdict::Wait(_)));
    }

    #[test]
    fn however_many_addresses_guess_a_bounded_number_is_remembered() {
        let (limit, begun) = (Limit::default(), Instant::now());
        for n in 0..u32::try_from(MOST_ADDRESSES).unwrap() + 10 {
            let address = IpAddr::V4(n.into());
            let now = begun + Duration::from_millis(n.into());
            limit.judge(address, Some(mark(1)), now);
        }
        let known = limit.wrong.lock().unwrap();
        assert_eq!(known.len(), MOST_ADDRESSES);
        assert!(
            !known.contains_key(&IpAddr::V4(0.into())),
            "the oldest is forgotten"
        );
    }
}
