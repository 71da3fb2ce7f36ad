//! The driver of NVIDIA, which is looked for when the first GPU is opened.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{CudaContext, CudaStream, DriverError, result, sys};

use super::driver::{Driver, Launch};
use super::graph::{ARGUMENTS, Function, Graphs};
use super::source;
use super::staging::Staging;
use crate::device::Description;
use crate::device::gpu::Program;
use crate::error::{Error, Result};

/// Characters of what the assembler may say.
const LOG: usize = 8192;
/// The oldest architecture that the programs are written for.
const OLDEST: (i32, i32) = (8, 0);
/// The oldest driver: CUDA 12.0, of December 2022.
const OLDEST_DRIVER: i32 = 12000;

/// A GPU with a stream.
struct System {
    name: String,
    // The context comes last: what was made in it is given back before it is.
    graphs: Mutex<Graphs>,
    staging: Mutex<Staging>,
    functions: Mutex<HashMap<Program, Function>>,
    modules: Mutex<HashMap<&'static str, Module>>,
    stream: Arc<CudaStream>,
    context: Arc<CudaContext>,
}

#[derive(Clone, Copy)]
struct Module(sys::CUmodule);

// SAFETY: as for `Function`.
unsafe impl Send for Module {}

/// The GPU of a number.
pub(in crate::device) fn open(index: usize) -> Result<Arc<dyn Driver>> {
    let name = name_of(index);
    let count = count().map_err(|message| Error::device(&name, message))?;
    if index >= count {
        let message = match count {
            0 => "there is no NVIDIA GPU; choose wgpu or cpu".to_string(),
            1 => format!("there is no GPU {index}; the only one is cuda"),
            _ => format!("there is no GPU {index}; choose cuda:0 to cuda:{}", count - 1),
        };
        return Err(Error::device(name, message));
    }
    let failed = |e: DriverError| Error::device(&name, sentence(e));
    let context = CudaContext::new(index).map_err(failed)?;
    let capability = context.compute_capability().map_err(failed)?;
    if capability < OLDEST {
        let message = format!(
            "its compute capability is {}.{}, and {}.{} is the least (Ampere, 2020); choose wgpu or cpu",
            capability.0, capability.1, OLDEST.0, OLDEST.1
        );
        return Err(Error::device(name, message));
    }
    if !context.has_async_alloc() {
        return Err(Error::device(name, "its driver offers no pools of memory; choose wgpu or cpu"));
    }
    let stream = context.new_stream().map_err(failed)?;
    let staging = Mutex::new(Staging::new().map_err(failed)?);
    let (functions, modules, graphs) = (Mutex::default(), Mutex::default(), Mutex::default());
    Ok(Arc::new(System { name, context, stream, functions, modules, graphs, staging }))
}

/// What the GPUs are; nothing without a driver.
pub(in crate::device) fn devices() -> Vec<Description> {
    let opened = (0..count().unwrap_or(0)).filter_map(|index| CudaContext::new(index).ok().map(|c| (index, c)));
    opened.map(|(index, context)| describe(name_of(index), &context)).collect()
}

fn name_of(index: usize) -> String {
    if index == 0 { "cuda".to_string() } else { format!("cuda:{index}") }
}

fn count() -> std::result::Result<usize, String> {
    // SAFETY: only opens the library; without it every other call would panic.
    if !unsafe { sys::is_culib_present() } {
        return Err("NVIDIA's driver is not installed (libcuda is not found); install it, or choose wgpu or cpu".into());
    }
    let mut version = 0;
    // SAFETY: an out-pointer that is ours.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result().map_err(sentence)?;
    if version < OLDEST_DRIVER {
        return Err(format!(
            "NVIDIA's driver is for CUDA {}.{}; install one for CUDA 12.0 or later, or choose wgpu or cpu",
            version / 1000,
            version % 1000 / 10
        ));
    }
    result::init().map_err(sentence)?;
    result::device::get_count().map(|count| count.max(0) as usize).map_err(sentence)
}

fn describe(name: String, context: &CudaContext) -> Description {
    let (major, minor) = context.compute_capability().unwrap_or_default();
    Description {
        name,
        hardware: context.name().unwrap_or_else(|_| "NVIDIA GPU".into()),
        kernels: format!("CUDA, compute capability {major}.{minor}"),
        threads: 0,
        limits: format!("{} MiB of memory", context.total_mem().unwrap_or_default() >> 20),
    }
}

/// What went wrong, and what to do.
fn sentence(error: DriverError) -> String {
    let what = error.error_string().map(|text| text.to_string_lossy().into_owned());
    let what = what.unwrap_or_else(|_| format!("{:?}", error.0));
    match error.0 {
        sys::CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH | sys::CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => {
            format!("its driver is too old ({what}); install one for CUDA 12.0 or later, or choose wgpu or cpu")
        }
        sys::CUresult::CUDA_ERROR_NO_DEVICE => "there is no NVIDIA GPU; choose wgpu or cpu".into(),
        _ => format!("the GPU failed ({what}); start again, or choose cpu"),
    }
}

/// An error that names the program.
fn within(launch: &Launch, error: Error) -> Error {
    match error {
        Error::Device { device, message } => {
            Error::device(device, format!("{}, {}: {message}", launch.program.file, launch.program.entry))
        }
        other => other,
    }
}

impl System {
    fn failed(&self, error: DriverError) -> Error {
        Error::device(&self.name, sentence(error))
    }

    fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|e| self.failed(e))
    }

    /// The function of a program, assembled for this GPU when it is first needed.
    fn function(&self, program: Program) -> Result<Function> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(&program) {
            return Ok(*function);
        }
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let module = match modules.get(program.file) {
            Some(module) => *module,
            None => *modules.entry(program.file).or_insert(self.assemble(program.file)?),
        };
        let entry = CString::new(program.entry).unwrap_or_default();
        // SAFETY: the module is loaded and stays so.
        let function = unsafe { result::module::get_function(module.0, entry) }.map_err(|e| self.failed(e))?;
        functions.insert(program, Function(function));
        Ok(Function(function))
    }

    fn assemble(&self, file: &str) -> Result<Module> {
        let text = source(file).and_then(|text| CString::new(text).ok());
        let Some(text) = text else {
            return Err(Error::device(&self.name, "there is no such program; choose the device cpu"));
        };
        let mut log = vec![0u8; LOG];
        let mut options =
            [sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER, sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
        let mut values: [*mut c_void; 2] = [log.as_mut_ptr().cast(), LOG as *mut c_void];
        let mut module = std::ptr::null_mut();
        // SAFETY: a text that ends in zero; two options with their values, of which the first is a buffer of the size that the
        // second says.
        let loaded = unsafe {
            sys::cuModuleLoadDataEx(&mut module, text.as_ptr().cast(), 2, options.as_mut_ptr(), values.as_mut_ptr())
        };
        loaded.result().map_err(|e| {
            let said = CStr::from_bytes_until_nul(&log).map(CStr::to_string_lossy).unwrap_or_default();
            Error::device(&self.name, format!("{}; its assembler said: {}", sentence(e), said.trim()))
        })?;
        Ok(Module(module))
    }
}

impl Driver for System {
    fn describe(&self) -> Description {
        describe(self.name.clone(), &self.context)
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.bind()?;
        // SAFETY: the context is current; the memory belongs to the caller.
        unsafe { result::malloc_async(self.stream.cu_stream(), bytes.max(4)) }.map_err(|e| match e.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                let megabytes = bytes >> 20;
                let message =
                    format!("its memory has no room for another {megabytes} MiB; use smaller batches, or choose cpu");
                Error::device(&self.name, message)
            }
            _ => self.failed(e),
        })
    }

    fn free(&self, address: u64) {
        if self.bind().is_ok() {
            // SAFETY: memory of `allocate`, given back once, after all that was started before. A device that was lost has no
            // memory to give back.
            let _ = unsafe { result::free_async(address, self.stream.cu_stream()) };
        }
    }

    fn upload(&self, bytes: &[u8], to: u64) -> Result<()> {
        self.bind()?;
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        staging.upload(bytes, to, self.stream.cu_stream()).map_err(|e| self.failed(e))
    }

    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<()> {
        self.bind()?;
        // SAFETY: the caller owns the memory behind the address; the wait ends the borrow of the bytes.
        unsafe { result::memcpy_dtoh_async(bytes, from, self.stream.cu_stream()) }.map_err(|e| self.failed(e))?;
        self.synchronise()
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        self.bind()?;
        // SAFETY: both lie in memory of the caller and do not overlap.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) }.map_err(|e| self.failed(e))
    }

    fn run(&self, launches: &[Launch]) -> Result<()> {
        self.bind()?;
        let functions = launches.iter().map(|launch| match launch.arguments.len() <= ARGUMENTS {
            true => self.function(launch.program).map_err(|e| within(launch, e)),
            false => {
                let message = format!("{} words of arguments, and {ARGUMENTS} is the most", launch.arguments.len());
                Err(within(launch, Error::device(&self.name, message)))
            }
        });
        let functions = functions.collect::<Result<Vec<_>>>()?;
        let mut graphs = self.graphs.lock().unwrap_or_else(PoisonError::into_inner);
        graphs.run(launches, &functions, self.stream.cu_stream()).map_err(|e| self.failed(e))
    }

    fn synchronise(&self) -> Result<()> {
        self.bind()?;
        // SAFETY: the stream lives as long as this.
        unsafe { result::stream::synchronize(self.stream.cu_stream()) }.map_err(|e| self.failed(e))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let modules = self.modules.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.context.bind_to_thread().is_ok() {
            *self.graphs.get_mut().unwrap_or_else(PoisonError::into_inner) = Graphs::default();
            for module in modules.values() {
                // SAFETY: loaded by this driver, and nothing uses it any more.
                let _ = unsafe { result::module::unload(module.0) };
            }
        }
    }
}
