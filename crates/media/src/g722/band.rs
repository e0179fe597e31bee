//! One band: an adaptive step, and a predictor of two poles and six zeros.

use super::tables::{BORDERS, HIGH_BORDER, HIGH_GROWTH, LEVELS_4, LEVELS_16, LEVELS_64, LOW_GROWTH, POWERS};

/// How the step of a band moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The first step.
    first: i32,
    /// The largest logarithm of the step.
    most: i32,
    /// How far powers are shifted down at the smallest step.
    shift: i32,
}

pub(super) const LOW: Scale = Scale {
    first: 32,
    most: 18_432,
    shift: 8,
};

pub(super) const HIGH: Scale = Scale {
    first: 8,
    most: 22_528,
    shift: 10,
};

/// What both sides of the line know of a band.
#[derive(Debug, Clone)]
pub(super) struct Predictor {
    scale: Scale,
    logarithm: i32,
    step: i32,
    /// What the next sample is expected to be, and the part of it that comes from the zeros.
    expected: i32,
    from_zeros: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The latest differences, newest first.
    differences: [i32; 6],
    /// The two latest samples without the poles' part, newest first.
    partial: [i32; 2],
    /// The latest sample.
    restored: i32,
}

impl Predictor {
    pub(super) const fn new(scale: Scale) -> Self {
        Self {
            scale,
            logarithm: 0,
            step: scale.first,
            expected: 0,
            from_zeros: 0,
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
            partial: [0; 2],
            restored: 0,
        }
    }

    /// The code of a sample of the lower band (SUBTRA, QUANTL).
    pub(super) fn quantise_low(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.expected);
        let size = if difference < 0 { !difference } else { difference };
        let level = 1 + BORDERS.partition_point(|border| size >= (border * self.step) >> 12);
        let code = match (difference < 0, level) {
            (false, level) => 62 - level,
            (true, 1 | 2) => 64 - level,
            (true, level) => 34 - level,
        } as u8;
        self.adapt_low(code);
        code
    }

    /// The code of a sample of the upper band (SUBTRA, QUANTH).
    pub(super) fn quantise_high(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.expected);
        let size = if difference < 0 { !difference } else { difference };
        let large = size >= (HIGH_BORDER * self.step) >> 12;
        let code = match (difference < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.adapt_high(code);
        code
    }

    /// The sample of a code of the lower band (INVQBL, LIMIT).
    pub(super) fn restore_low(&mut self, code: u8) -> i32 {
        let difference = (self.step * LEVELS_64[usize::from(code & 0x3F)]) >> 15;
        let sample = limit(self.expected + difference);
        self.adapt_low(code);
        sample
    }

    /// The sample of a code of the upper band (INVQAH, LIMIT).
    pub(super) fn restore_high(&mut self, code: u8) -> i32 {
        let difference = (self.step * LEVELS_4[usize::from(code & 3)]) >> 15;
        let sample = limit(self.expected + difference);
        self.adapt_high(code);
        sample
    }

    fn adapt_low(&mut self, code: u8) {
        let coarse = usize::from(code >> 2) & 15;
        let difference = (self.step * LEVELS_16[coarse]) >> 15;
        self.adapt_step(LOW_GROWTH[coarse]);
        self.adapt(difference);
    }

    fn adapt_high(&mut self, code: u8) {
        let code = usize::from(code & 3);
        let difference = (self.step * LEVELS_4[code]) >> 15;
        self.adapt_step(HIGH_GROWTH[code]);
        self.adapt(difference);
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn adapt_step(&mut self, growth: i32) {
        self.logarithm = (((self.logarithm * 127) >> 7) + growth).clamp(0, self.scale.most);
        let power = POWERS[(self.logarithm >> 6) as usize & 31];
        let shift = self.scale.shift - (self.logarithm >> 11);
        self.step = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }

    /// Block 4: learns from a difference what to expect next.
    fn adapt(&mut self, difference: i32) {
        let restored = saturate(self.expected + difference);
        let partial = saturate(self.from_zeros + difference);
        self.adapt_poles(partial);
        // Without branches, so that the six are done side by side.
        let towards = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let apart = (difference ^ before) >> 31;
            *zero = saturate(((towards ^ apart) - apart) + ((*zero * 32_640) >> 15));
        }
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        // FILTEZ, FILTEP and PREDIC.
        let from_zeros = self
            .zeros
            .iter()
            .zip(&self.differences)
            .map(|(zero, d)| half_product(*zero, *d));
        self.from_zeros = saturate(from_zeros.sum());
        let from_poles = half_product(self.poles[0], restored) + half_product(self.poles[1], self.restored);
        self.expected = saturate(saturate(from_poles) + self.from_zeros);
        self.restored = restored;
        self.partial = [partial, self.partial[0]];
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let [like_last, like_before] = self.partial.map(|before| same_sign(partial, before));
        let four_times = saturate(first << 2);
        let pull = if like_last {
            (-four_times).min(32_767)
        } else {
            four_times
        };
        let towards = if like_before { 128 } else { -128 };
        let second = ((pull >> 7) + towards + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let towards = if like_last { 192 } else { -192 };
        let most = 15_360 - second;
        let first = saturate(towards + ((first * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }
}

fn half_product(weight: i32, value: i32) -> i32 {
    (weight * saturate(value << 1)) >> 15
}

fn same_sign(one: i32, other: i32) -> bool {
    (one < 0) == (other < 0)
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

fn limit(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}
