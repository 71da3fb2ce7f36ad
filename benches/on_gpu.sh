#!/usr/bin/env bash
# The checks and measurements that need an NVIDIA GPU, with binaries that were built where there is none.
#
#   benches/on_gpu.sh pack gpu              builds what is needed and collects it in the folder gpu
#   gpu/on_gpu.sh run RESULTS [HARNESS]     on the machine with the GPU: suites, sanitizer, benches; logs and rows go to RESULTS
#
# HARNESS is the folder of bench_peers.py (benches/compare.py says what it is); PYTHON names an interpreter with the peers
# [default: python3]; PEERS which ones [default: torch-native flowjax bayesflow-jax]. What is not there is left out with a sentence.
set -euo pipefail

features=cuda,wgpu

pack() {
    local folder=$1
    cd "$(dirname "$0")/.."
    cargo build --release --features "$features"
    mkdir -p "$folder"
    cp target/release/ferroflow benches/on_gpu.sh benches/compare.py benches/compare_table.py "$folder/"
    # The suites read files of the repository: the shaders beside the programs.
    cp -r shaders "$folder/"
    local suite
    suite=$(cargo test --release --features "$features" --test operations --no-run --message-format json |
        sed -n 's/.*"executable":"\([^"]*operations-[^"]*\)".*/\1/p' | tail -1)
    cp "$suite" "$folder/operations"
    echo "packed into $folder: $(du -sh "$folder" | cut -f1)"
}

run() {
    local results=$1 harness=${2:-} here failed=0
    here=$(cd "$(dirname "$0")" && pwd)
    mkdir -p "$results"
    results=$(cd "$results" && pwd)
    cd "$here"
    export FERROFLOW_CUDA=0
    nvidia-smi --query-gpu=name,driver_version,clocks.max.sm --format=csv,noheader | tee "$results/device.txt"
    ./ferroflow devices | tee -a "$results/device.txt"
    echo "== suites over the table of operations: CUDA, and WebGPU where Vulkan is"
    ./operations cuda:: --test-threads 1 > "$results/cuda.log" 2>&1 || failed=1
    tail -3 "$results/cuda.log"
    if ./ferroflow devices | grep -q wgpu; then
        ./operations wgpu:: --test-threads 1 > "$results/wgpu.log" 2>&1 || failed=1
        tail -3 "$results/wgpu.log"
    fi
    if command -v compute-sanitizer > /dev/null; then
        for tool in memcheck racecheck; do
            echo "== compute-sanitizer $tool"
            compute-sanitizer --tool "$tool" --error-exitcode 9 ./operations cuda::outputs_agree cuda::fused --test-threads 1 \
                > "$results/$tool.log" 2>&1 || failed=1
            tail -2 "$results/$tool.log"
        done
    else
        echo "compute-sanitizer is not installed: memory and races were not checked"
    fi
    echo "== workloads"
    ./ferroflow bench W1 W2 W3 W4 W5 --device cuda --out "$results/ferroflow.jsonl" > /dev/null || failed=1
    ./ferroflow bench W7 --device cuda --out "$results/ferroflow.jsonl" > /dev/null || failed=1
    if [ -n "$harness" ]; then
        local python=${PYTHON:-python3} peers=()
        for peer in ${PEERS:-torch-native flowjax bayesflow-jax}; do peers+=("$peer=$python"); done
        python3 compare.py --device cuda --ferroflow ./ferroflow --harness "$harness" --python "${peers[@]}" --workloads W1 W2 W3 \
            --out "$results/beside-peers.jsonl" --table "$results/beside-peers.md" || failed=1
    else
        echo "no harness was named: peers were not measured"
    fi
    return "$failed"
}

case ${1:-} in
    pack) pack "${2:?name the folder to pack into}" ;;
    run) run "${2:?name the folder for the results}" "${3:-}" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
