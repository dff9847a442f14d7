//! Prefix codes, as a lossless stream holds them: from the lengths of all symbols' words.

/// The order in which the lengths come that tell of the lengths.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The words up to this length the decoder finds in a table; longer ones in a tree.
const TABLE_BITS: usize = 10;

/// A stream, bit by bit.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn of(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// A number of so many bits, the least of them first; nothing at the end.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for place in 0..count {
            let byte = self.data.get(self.at / 8)?;
            number |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }
}

/// A code: how many words there are of each length, and the symbols in the order of their words.
/// Of one symbol alone, the word is empty.
pub(super) struct Code {
    counts: [u32; 16],
    symbols: Vec<u32>,
}

impl Code {
    /// The code that comes next, for as many symbols.
    pub(super) fn read(bits: &mut Bits<'_>, symbols: u32) -> Option<Self> {
        if bits.take(1)? == 0 {
            let lengths = lengths(bits, symbols)?;
            return Self::of(&lengths);
        }
        let two = bits.take(1)? == 1;
        let width = if bits.take(1)? == 1 { 8 } else { 1 };
        let mut code = Self { counts: [0; 16], symbols: vec![bits.take(width)?] };
        if two {
            code.symbols.push(bits.take(8)?);
            *code.counts.get_mut(1)? = 2;
        }
        code.symbols.iter().all(|symbol| *symbol < symbols).then_some(code)
    }

    /// The code of these lengths. It leaves no word without a symbol, and none with two.
    fn of(lengths: &[u32]) -> Option<Self> {
        let mut code = Self { counts: [0; 16], symbols: Vec::new() };
        for length in 1..16_u32 {
            let has = lengths.iter().zip(0..).filter(|(own, _)| **own == length);
            let before = code.symbols.len();
            code.symbols.extend(has.map(|(_, symbol)| symbol));
            let count = u32::try_from(code.symbols.len() - before).ok()?;
            *code.counts.get_mut(usize::try_from(length).ok()?)? = count;
        }
        let used: u32 = code.counts.iter().zip(0..).map(|(count, length)| count << (15 - length)).sum();
        (code.symbols.len() == 1 || used == 1 << 15).then_some(code)
    }

    /// The symbol whose word comes next.
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        if let [symbol] = *self.symbols {
            return Some(symbol);
        }
        let (mut word, mut first, mut before) = (0, 0, 0);
        for count in self.counts.get(1..)? {
            word = word << 1 | bits.take(1)?;
            first <<= 1;
            if word - first < *count {
                return self.symbols.get(usize::try_from(before + word - first).ok()?).copied();
            }
            first += count;
            before += count;
        }
        None
    }

    /// What the decoder makes of it: a table of words, and two nodes for each that is longer.
    pub(super) fn bytes(&self) -> u64 {
        if self.symbols.len() == 1 {
            return 0;
        }
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or_default();
        let longer: u32 = self.counts.iter().skip(TABLE_BITS + 1).sum();
        (4 << longest.min(TABLE_BITS)) + 32 * u64::from(longer)
    }
}

/// The lengths of as many symbols' words, which are in a code themselves.
fn lengths(bits: &mut Bits<'_>, symbols: u32) -> Option<Vec<u32>> {
    let mut own = [0; ORDER.len()];
    let count = usize::try_from(4 + bits.take(4)?).ok()?;
    for place in ORDER.get(..count)? {
        *own.get_mut(*place)? = bits.take(3)?;
    }
    let code = Code::of(&own)?;
    let mut most = symbols;
    if bits.take(1)? == 1 {
        let width = 2 + 2 * bits.take(3)?;
        most = Some(2 + bits.take(width)?).filter(|most| *most <= symbols)?;
    }
    let symbols = usize::try_from(symbols).ok()?;
    let (mut lengths, mut last) = (Vec::new(), 8);
    while lengths.len() < symbols && most > 0 {
        most -= 1;
        let (length, times) = match code.symbol(bits)? {
            16 => (last, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        if length > 0 {
            last = length;
        }
        lengths.extend((0..times).map(|_| length));
    }
    (lengths.len() <= symbols).then_some(lengths)
}
