//! G.711 as tables, built from the standard's rule when compiled.
//!
//! The encoders take the bits that the law defines (13 for A, 14 for µ) and treat a negative sample as the one's complement of its magnitude, so that decoding and encoding again gives the same octet.

/// The sample that each µ-law octet stands for (G.711, table 2), in 16 bits.
pub(crate) static FROM_MU_LAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let bits = !(octet as u8) as i32;
        let magnitude = ((((bits & 0x0F) << 3) + 132) << ((bits >> 4) & 7)) - 132;
        table[octet] = if bits & 0x80 != 0 { -magnitude } else { magnitude } as i16;
        octet += 1;
    }
    table
};

/// The sample that each A-law octet stands for (G.711, table 1), in 16 bits.
pub(crate) static FROM_A_LAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let bits = octet as i32 ^ 0x55;
        let (segment, step) = ((bits >> 4) & 7, bits & 0x0F);
        let magnitude = match segment {
            0 => (step << 4) + 8,
            _ => ((step << 4) + 0x108) << (segment - 1),
        };
        table[octet] = if bits & 0x80 != 0 { magnitude } else { -magnitude } as i16;
        octet += 1;
    }
    table
};

static TO_MU_LAW: [u8; 1 << 14] = {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        let sample = index as i32 - (1 << 13);
        let magnitude = if sample < 0 { !sample } else { sample };
        // Beyond this the biased magnitude would need a ninth segment.
        let biased = if magnitude > 8158 { 8158 } else { magnitude } + 33;
        let segment = 26 - biased.leading_zeros() as i32;
        let step = (biased >> (segment + 1)) & 0x0F;
        let sign = if sample < 0 { 0x80 } else { 0 };
        table[index] = !((sign | (segment << 4) | step) as u8);
        index += 1;
    }
    table
};

static TO_A_LAW: [u8; 1 << 13] = {
    let mut table = [0; 1 << 13];
    let mut index = 0;
    while index < table.len() {
        let sample = index as i32 - (1 << 12);
        let magnitude = if sample < 0 { !sample } else { sample };
        let code = if magnitude < 32 {
            magnitude >> 1
        } else {
            let segment = 27 - magnitude.leading_zeros() as i32;
            (segment << 4) | ((magnitude >> segment) & 0x0F)
        };
        let sign = if sample < 0 { 0 } else { 0x80 };
        table[index] = (sign | code) as u8 ^ 0x55;
        index += 1;
    }
    table
};

pub(crate) fn to_mu_law(sample: i16) -> u8 {
    TO_MU_LAW[((i32::from(sample) >> 2) + (1 << 13)) as usize]
}

pub(crate) fn to_a_law(sample: i16) -> u8 {
    TO_A_LAW[((i32::from(sample) >> 3) + (1 << 12)) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octet_is_further_off_than_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            for octet in [
                FROM_MU_LAW[usize::from(to_mu_law(sample))],
                FROM_A_LAW[usize::from(to_a_law(sample))],
            ] {
                let error = (i32::from(octet) - i32::from(sample)).abs();
                // A step is at most a sixteenth of the magnitude, the bias of µ-law included.
                let half_a_step = (i32::from(sample).abs() + 132) / 32;
                assert!(error <= half_a_step + 8, "{sample}");
            }
        }
    }

    #[test]
    fn decoding_and_encoding_again_gives_the_same_octet() {
        for octet in 0..=255_u8 {
            assert_eq!(to_a_law(FROM_A_LAW[usize::from(octet)]), octet);
            // The two zeros of µ-law share their value.
            if octet != 0x7F {
                assert_eq!(to_mu_law(FROM_MU_LAW[usize::from(octet)]), octet);
            }
        }
    }

    #[test]
    fn known_octets() {
        let cases = [
            (0, 0xFF, 0xD5),
            (-1, 0x7F, 0x55),
            (8, 0xFE, 0xD5),
            (i16::MAX, 0x80, 0xAA),
            (i16::MIN, 0x00, 0x2A),
        ];
        for (sample, mu_law, a_law) in cases {
            assert_eq!((to_mu_law(sample), to_a_law(sample)), (mu_law, a_law), "{sample}");
        }
        assert_eq!((FROM_MU_LAW[0x80], FROM_A_LAW[0xAA]), (32_124, 32_256));
    }

    #[test]
    fn the_steps_double_from_segment_to_segment() {
        for segment in 2..8_usize {
            let a_law = |step: usize| i32::from(FROM_A_LAW[(0x80 | (segment << 4) | step) ^ 0x55]);
            assert_eq!(a_law(1) - a_law(0), 8 << segment);
            let mu_law = |step: usize| i32::from(FROM_MU_LAW[!(segment << 4 | step) & 0xFF]);
            assert_eq!(mu_law(1) - mu_law(0), 8 << segment);
        }
    }
}
