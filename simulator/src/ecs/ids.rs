//! Identifiers that look like AWS's and come out the same in every run.

/// Counts what was named so far.
#[derive(Default)]
pub(super) struct Ids {
    count: u64,
}

impl Ids {
    pub(super) fn serial(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// 19 digits, as in `ecs-svc/3081234567890123456`.
    pub(super) fn revision(&mut self) -> u64 {
        const DIGITS_19: u64 = 1_000_000_000_000_000_000;
        DIGITS_19 + scattered(self.serial()) % (8 * DIGITS_19)
    }

    /// 32 hexadecimal digits.
    pub(super) fn task(&mut self) -> String {
        let serial = self.serial();
        format!("{:016x}{:016x}", scattered(serial), scattered(!serial))
    }

    /// Like the `hookId` of a lifecycle hook.
    pub(super) fn hook(&mut self) -> String {
        let serial = self.serial();
        format!("{:016x}", scattered(serial))
    }

    /// 22 characters, like the last part of a service deployment's ARN.
    pub(super) fn service_deployment(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyzABCDEFGH";
        let serial = self.serial();
        let mut bits = (u128::from(scattered(serial)) << 64) | u128::from(scattered(serial ^ 0x5555));
        let mut name = String::with_capacity(22);
        for _ in 0..22 {
            name.push(char::from(LETTERS[(bits % 32) as usize]));
            bits /= 32;
        }
        name
    }
}

/// SplitMix64: each input has an output of its own, without a visible order.
fn scattered(input: u64) -> u64 {
    let mut z = input.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_awss_shape_and_repeat_in_the_next_run() {
        let mut ids = Ids::default();
        assert_eq!(ids.revision().to_string().len(), 19);
        assert_eq!(ids.task().len(), 32);
        assert_eq!(ids.service_deployment().len(), 22);
        assert_eq!(Ids::default().revision(), Ids::default().revision());
    }
}
