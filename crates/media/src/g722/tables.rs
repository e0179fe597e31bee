//! The numbers of the standard (tables 11 to 21).

/// Half of the mirror filter, which is the same from both ends.
pub(super) const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The borders between the 30 levels of the lower band (Q6), without the first.
pub(super) const BORDERS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// The border between the two levels of the upper band (Q2).
pub(super) const HIGH_BORDER: i32 = 564;

/// The middle of each of the 64 codes of the lower band (QM6).
pub(super) const LEVELS_64: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// The middle of each code of the lower band by its upper four bits (QM4), which is what the predictor goes by.
pub(super) const LEVELS_16: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
];

/// The middle of each of the four codes of the upper band (QM2).
pub(super) const LEVELS_4: [i32; 4] = [-7408, -1616, 7408, 1616];

/// By how much each code of the lower band's upper four bits changes the logarithm of the step (WL by RL4).
pub(super) const LOW_GROWTH: [i32; 16] = {
    const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
    const RL4: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
    let mut growth = [0; 16];
    let mut code = 0;
    while code < 16 {
        growth[code] = WL[RL4[code]];
        code += 1;
    }
    growth
};

/// The same for the codes of the upper band (WH by RH2).
pub(super) const HIGH_GROWTH: [i32; 4] = [798, -214, 798, -214];

/// 2048 times two to the power of a 32nd of the index (ILB).
pub(super) const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
