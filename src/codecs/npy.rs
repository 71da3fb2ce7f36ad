//! One array in NumPy's `.npy` format.
//!
//! The magic bytes `\x93NUMPY`, two bytes of version, the length of the header (two bytes in version 1, four in 2 and 3),
//! the header, then the elements without gaps. The header is the text of a Python dictionary with the keys `descr` (a
//! number format such as `<f8`), `fortran_order` and `shape`. Source: NumPy enhancement proposal 1 and
//! `numpy.lib.format`.

use std::io::{Read, Write};

use super::elements::{Element, Endian, write_little_endian};
use super::{Array, Form, Values};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read. An array of numbers needs about a hundred bytes.
const LONGEST_HEADER: usize = 1 << 16;
/// NumPy has at most 64 axes.
const MOST_AXES: usize = 64;

struct Header {
    element: Element,
    endian: Endian,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// Bytes that are decoded at a time, a multiple of every element's size: they stay in cache.
const BLOCK: usize = 1 << 16;

/// Reads one array and expects the end of the data behind it. Memory grows with the bytes that arrive, not with the shape
/// that the header claims.
pub(super) fn read(mut reader: impl Read) -> Result<Array, String> {
    let header = read_header(&mut reader)?;
    let expected = header.element.bytes_of(&header.shape)?;
    let mut values = header.element.decode(&[], header.endian)?;
    let mut block = vec![0; BLOCK];
    let mut found = 0;
    loop {
        // One byte more than is expected shows what follows.
        let room = BLOCK.min(expected - found + 1);
        let arrived = fill(&mut reader, &mut block[..room])?;
        let own = arrived.min(expected - found);
        values.append(header.element.decode(&block[..own], header.endian)?);
        found += arrived;
        if found > expected || arrived < room {
            break;
        }
    }
    if found != expected {
        let found = if found < expected { format!("{found} are there") } else { "more are there".into() };
        return Err(format!("the shape {:?} needs {expected} bytes but {found}; write the file again", header.shape));
    }
    values.shrink();
    let values = if header.fortran_order { row_major(&values, &header.shape) } else { values };
    Array::new(header.shape, values).map_err(|error| error.to_string())
}

/// Reads until a buffer is full or the data end, and tells how many bytes there were.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, String> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok(filled)
}

/// The shape of an array and the bytes that its values take in memory, from its header alone.
pub(super) fn read_form(mut reader: impl Read) -> Result<Form, String> {
    let header = read_header(&mut reader)?;
    header.element.bytes_of(&header.shape)?;
    Ok(Form { dtype: header.element.dtype(), shape: header.shape })
}

/// Writes one array, byte for byte as NumPy does.
pub(super) fn write(array: &Array, mut writer: impl Write) -> std::io::Result<()> {
    let descr = match array.values() {
        Values::F64(_) => "<f8",
        Values::F32(_) => "<f4",
        Values::I64(_) => "<i8",
        Values::Bool(_) => "|b1",
    };
    let axes: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    let shape = if let [axis] = axes.as_slice() { format!("({axis},)") } else { format!("({})", axes.join(", ")) };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // NumPy keeps room for the first axis to grow to 21 digits in place.
    let room = axes.first().map_or(0, |axis| 21usize.saturating_sub(axis.len()));
    let unpadded = MAGIC.len() + 4 + header.len() + room + 1;
    header.push_str(&" ".repeat(room + unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| std::io::Error::other("an array with thousands of axes"))?;

    writer.write_all(MAGIC)?;
    writer.write_all(&[1, 0])?;
    writer.write_all(&length.to_le_bytes())?;
    writer.write_all(header.as_bytes())?;
    write_little_endian(array.values(), &mut writer)
}

/// The bytes that [`write()`] needs, up to a header's padding.
pub(super) fn size_hint(array: &Array) -> u64 {
    let element = match array.values() {
        Values::F64(_) | Values::I64(_) => 8,
        Values::F32(_) => 4,
        Values::Bool(_) => 1,
    };
    array.len() as u64 * element + LONGEST_HEADER as u64
}

fn unreadable(error: std::io::Error) -> String {
    format!("the data cannot be read ({error}); the file is damaged or cut off, write it again")
}

fn read_header(reader: &mut impl Read) -> Result<Header, String> {
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(unreadable)?;
    let [magic @ .., major, minor] = start;
    if magic != *MAGIC {
        return Err("this does not begin like an array of NumPy; write it with numpy.savez".into());
    }
    let length = match major {
        1 => {
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes).map_err(unreadable)?;
            usize::from(u16::from_le_bytes(bytes))
        }
        2 | 3 => {
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes).map_err(unreadable)?;
            u32::from_le_bytes(bytes) as usize
        }
        _ => return Err(format!("version {major}.{minor} of NumPy's format is not known; versions 1 to 3 are read")),
    };
    if length > LONGEST_HEADER {
        return Err(format!("the header claims {length} bytes, an array of numbers needs about a hundred"));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).map_err(unreadable)?;
    let text = std::str::from_utf8(&text).map_err(|_| "the header is not text; the file is damaged".to_owned())?;
    Parser { rest: text }.header()
}

/// A reader of the one kind of Python expression that stands in a header.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn header(mut self) -> Result<Header, String> {
        let (mut format, mut fortran_order, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.accept('}') {
            let key = self.string()?;
            self.expect(':')?;
            let repeated = match key {
                "descr" => format.replace(self.format()?).is_some(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(format!("the header has the unknown key '{key}'; write the file again")),
            };
            if repeated {
                return Err(format!("the header has the key '{key}' twice; write the file again"));
            }
            if !self.accept(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err("something follows the header's dictionary; the file is damaged".into());
        }
        match (format, fortran_order, shape) {
            (Some((element, endian)), Some(fortran_order), Some(shape)) => {
                Ok(Header { element, endian, fortran_order, shape })
            }
            _ => Err("the header lacks one of descr, fortran_order and shape; the file is damaged".into()),
        }
    }

    fn accept(&mut self, symbol: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        if self.accept(symbol) {
            return Ok(());
        }
        let found: String = self.rest.chars().take(20).collect();
        Err(format!("the header has '{found}' where '{symbol}' should stand; the file is damaged"))
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.accept('"') {
            '"'
        } else {
            self.expect('\'')?;
            '\''
        };
        let (text, rest) =
            self.rest.split_once(quote).ok_or("the header has a text without end; the file is damaged")?;
        self.rest = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err("fortran_order is neither True nor False; the file is damaged".into())
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            let axis = digits.parse().map_err(|_| {
                let found: String = self.rest.chars().take(24).collect();
                format!("the shape has the axis '{found}', which is no count of elements; the file is damaged")
            })?;
            shape.push(axis);
            // Python 2 wrote long integers as `3L`.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            if shape.len() > MOST_AXES {
                return Err(format!("the shape has more than {MOST_AXES} axes; the file is damaged"));
            }
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn format(&mut self) -> Result<(Element, Endian), String> {
        if self.accept('[') {
            return Err("this is a structured array; store each of its fields under a key of its own".into());
        }
        let text = self.string()?;
        let mut symbols = text.chars();
        let endian = match symbols.next() {
            Some('<' | '|') => Endian::Little,
            Some('>') => Endian::Big,
            Some('=') if cfg!(target_endian = "little") => Endian::Little,
            Some('=') => Endian::Big,
            _ => return Err(format!("the number format '{text}' has no byte order; write the file again")),
        };
        let element = match symbols.as_str() {
            "f8" => Element::F64,
            "f4" => Element::F32,
            "f2" => Element::F16,
            "i8" => Element::I64,
            "i4" => Element::I32,
            "i2" => Element::I16,
            "i1" => Element::I8,
            "u8" => Element::U64,
            "u4" => Element::U32,
            "u2" => Element::U16,
            "u1" => Element::U8,
            "b1" => Element::Bool,
            other => {
                let remedy = match other.chars().next() {
                    Some('O') => {
                        "holds Python objects, which only Python can open; convert it with numpy.asarray(…, float)"
                    }
                    Some('U' | 'S' | 'a') => "holds text; store numbers, for categories their index",
                    Some('c') => "holds complex numbers; store real and imaginary part under two keys",
                    Some('M' | 'm') => "holds dates or durations; store numbers",
                    _ => "is not known; store float64, float32, integers or booleans",
                };
                return Err(format!("an array of the format '{text}' {remedy}"));
            }
        };
        Ok((element, endian))
    }
}

/// Values whose first axis runs fastest, in the order whose last axis runs fastest.
fn row_major(values: &Values, shape: &[usize]) -> Values {
    fn reorder<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
        let mut strides = Vec::with_capacity(shape.len());
        let mut stride = 1;
        for &axis in shape {
            strides.push(stride);
            stride *= axis;
        }
        let mut index = vec![0; shape.len()];
        let mut offset = 0;
        let mut result = Vec::with_capacity(values.len());
        for _ in 0..values.len() {
            result.push(values[offset]);
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                offset += strides[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
                offset -= strides[axis] * shape[axis];
            }
        }
        result
    }
    match values {
        Values::F64(v) => Values::F64(reorder(v, shape)),
        Values::F32(v) => Values::F32(reorder(v, shape)),
        Values::I64(v) => Values::I64(reorder(v, shape)),
        Values::Bool(v) => Values::Bool(reorder(v, shape)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn message(header: &str) -> String {
        read(with_header(header, &[0; 8]).as_slice()).unwrap_err()
    }

    /// `numpy.lib.format.write_array(numpy.arange(6.0).reshape(2, 3))` of NumPy 2.4.
    const BY_NUMPY: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\
        \x20                                                         \n\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0?\0\0\0\0\0\0\0@\0\0\0\0\0\0\x08@\0\0\0\0\0\0\x10@\0\0\0\0\0\0\x14@";

    #[test]
    fn bytes_equal_those_of_numpy() {
        let array = Array::f64([2, 3], (0..6).map(f64::from).collect()).unwrap();
        let mut bytes = Vec::new();
        write(&array, &mut bytes).unwrap();
        assert_eq!(bytes, BY_NUMPY);
        assert_eq!(read(BY_NUMPY).unwrap(), array);
    }

    #[test]
    fn headers_of_scalars_vectors_and_empty_arrays() {
        for (array, text) in [
            (Array::scalar(3.0), "'shape': (), }"),
            (Array::vector(vec![1.0]), "'shape': (1,), }"),
            (Array::bool([0, 4], vec![]).unwrap(), "{'descr': '|b1', 'fortran_order': False, 'shape': (0, 4), }"),
        ] {
            let mut bytes = Vec::new();
            write(&array, &mut bytes).unwrap();
            assert!(String::from_utf8_lossy(&bytes).contains(text));
            assert_eq!(bytes[..bytes.iter().position(|&b| b == b'\n').unwrap() + 1].len() % 64, 0);
            assert_eq!(read(bytes.as_slice()).unwrap(), array);
        }
    }

    #[test]
    fn other_spellings_are_read() {
        let data = [1, 2, 3, 4, 5, 6];
        let fortran = with_header("{'shape':(2,3),\"descr\":'|u1','fortran_order':True}  \n", &data);
        assert_eq!(read(fortran.as_slice()).unwrap(), Array::i64([2, 3], vec![1, 3, 5, 2, 4, 6]).unwrap());
        let cube = with_header("{'descr': '|i1', 'fortran_order': True, 'shape': (1L, 2L, 3L)}", &data);
        assert_eq!(read(cube.as_slice()).unwrap(), Array::i64([1, 2, 3], vec![1, 3, 5, 2, 4, 6]).unwrap());
        let big = with_header("{'descr': '>i2', 'fortran_order': False, 'shape': (3,), }", &data);
        assert_eq!(read(big.as_slice()).unwrap(), Array::i64([3], vec![258, 772, 1286]).unwrap());
    }

    #[test]
    fn hostile_headers_get_a_sentence() {
        for (header, expected) in [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects"),
            ("{'descr': '<U5', 'fortran_order': False, 'shape': (1,), }", "text"),
            ("{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", "complex"),
            ("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }", "dates"),
            ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", "structured"),
            ("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", "not known"),
            ("{'descr': 'f8', 'fortran_order': False, 'shape': (1,), }", "byte order"),
            ("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,), }", "neither True nor False"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "no count"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,), }", "damaged"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "no count"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 8), }", "larger than any file"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", "8 are there"),
            ("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "more are there"),
            ("{'descr': '<f8', 'fortran_order': False, }", "lacks"),
            ("{'descr': '<f8', 'descr': '<f8', 'shape': (1,), }", "twice"),
            ("{'descr': '<f8', 'order': False, 'shape': (1,), }", "unknown key"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), } + x", "follows"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1", "damaged"),
            ("{'descr: 1", "without end"),
            ("", "'{' should stand"),
        ] {
            let message = message(header);
            assert!(message.contains(expected), "{header}: {message}");
        }
        let many_axes = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({})}}", "1,".repeat(65));
        assert!(message(&many_axes).contains("axes"));
        let endless = [MAGIC.as_slice(), &[2, 0], &u32::MAX.to_le_bytes()].concat();
        assert!(read(endless.as_slice()).unwrap_err().contains("header claims"));
        assert!(read([MAGIC.as_slice(), &[9, 0]].concat().as_slice()).unwrap_err().contains("version 9.0"));
        assert!(read(&b"PK\x03\x04....."[..]).unwrap_err().contains("numpy.savez"));
    }
}
