//! temporary
#[derive(Debug,Clone,Copy,PartialEq,Eq)] #[allow(missing_docs)]
pub enum Isa { Avx2, Portable }
#[allow(missing_docs)]
impl Isa { pub fn detect()->Self{Isa::Portable} pub fn available()->&'static [Isa]{&[Isa::Portable]} }
#[allow(missing_docs)]
pub struct Threads(usize);
#[allow(missing_docs)]
impl Threads { pub fn new(n:usize)->crate::Result<Self>{Ok(Threads(n))} pub fn single()->Self{Threads(1)} pub fn count(&self)->usize{self.0} }
