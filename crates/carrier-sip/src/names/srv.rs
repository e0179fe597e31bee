//! The order in which the servers of a service are tried (RFC 2782).

/// A server of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// The lowest is tried first.
    pub(crate) priority: u16,
    /// How much of the work it gets among those of its priority.
    pub(crate) weight: u16,
    pub(crate) port: u16,
    pub(crate) host: String,
}

/// Puts servers in order. `dice` gives a random number below its argument.
pub(crate) fn ordered(mut services: Vec<Service>, dice: &mut dyn FnMut(u32) -> u32) -> Vec<Service> {
    // Those without weight stand first in their priority, which gives them their small chance.
    services.sort_by_key(|service| (service.priority, service.weight != 0));
    let mut order = Vec::with_capacity(services.len());
    while let Some(first) = services.first() {
        let priority = first.priority;
        let equals = services.iter().take_while(|service| service.priority == priority);
        let total: u32 = equals.map(|service| u32::from(service.weight)).sum();
        let drawn = dice(total + 1);
        let mut sum = 0;
        let next = services.iter().position(|service| {
            sum += u32::from(service.weight);
            sum >= drawn
        });
        order.push(services.remove(next.unwrap_or(0)));
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn service(priority: u16, weight: u16, host: &str) -> Service {
        Service {
            priority,
            weight,
            port: 5060,
            host: host.to_owned(),
        }
    }

    fn hosts(services: Vec<Service>, dice: &mut dyn FnMut(u32) -> u32) -> String {
        ordered(services, dice)
            .into_iter()
            .map(|service| service.host)
            .collect()
    }

    #[test]
    fn priorities_come_first_and_weights_draw() {
        let all = || vec![service(20, 0, "c"), service(10, 60, "a"), service(10, 40, "b")];
        assert_eq!(hosts(all(), &mut |_| 0), "abc");
        assert_eq!(hosts(all(), &mut |_| 60), "abc");
        assert_eq!(hosts(all(), &mut |below| if below == 101 { 61 } else { 0 }), "bac");
    }

    #[test]
    fn weights_share_the_work() {
        let mut state = 1_u32;
        let mut dice = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let firsts = (0..10_000)
            .filter(|_| hosts(vec![service(1, 10, "a"), service(1, 30, "b")], &mut dice).starts_with('b'))
            .count();
        assert!((7_200..7_800).contains(&firsts), "{firsts}");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_priorities_ascend(
            records in prop::collection::vec((0_u16..4, any::<u16>()), 0..20),
            seed in any::<u32>(),
        ) {
            let services: Vec<_> = records.iter().map(|(priority, weight)| service(*priority, *weight, "x")).collect();
            let mut state = seed;
            let order = ordered(services.clone(), &mut |below| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state % below
            });
            prop_assert_eq!(order.len(), services.len());
            prop_assert!(order.is_sorted_by_key(|service| service.priority));
        }
    }
}
