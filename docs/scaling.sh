#!/usr/bin/env bash
# Writes docs/scaling.md: every figure in it is printed by `foundation plan`.   bash docs/scaling.sh > docs/scaling.md
set -euo pipefail
cd "$(dirname "$0")/.."

plan() {
    printf '\n    foundation plan %s\n' "$*"
    foundation plan "$@" --markdown
}

cat <<'TEXT'
# Scaling: what AION-1 XL and Walrus would take on 1 to 1,024 H200s

Written by `bash docs/scaling.sh > docs/scaling.md`; every figure in a table was printed by the command above it.
Nothing here was trained at these sizes. Of the inputs,

- parameters and useful operations are counted: on the meta device, and in micro-batches of the shapes that the YAML assumes;
- memory of activations is measured on one CPU core: one training step of the model at its full width with one and with
  two blocks of each kind, in which every tensor is counted, continued to all blocks. Attention on a GPU keeps less;
- rates and sizes of GPUs and links are NVIDIA's data sheet of the H200 SXM and of 400 Gb/s ports, not measured by us;
- the share of the peak that is reached before communication, the share of a link that collectives reach and how much of
  them the backward pass hides are assumptions. AION-1's own run implies 5 to 7 % of the peak of an H100
  (arXiv:2510.17960, table of hardware), well-tuned language models reach 35 to 50 %.

Models of 6 + 4 blocks took what was predicted on the CPU to within 6 % (`foundation bench plan`, docs/benchmarks.md). The plan
knows nothing of stragglers, of congestion or of slow disks; `foundation balance` and `foundation doctor` look at the first and
the last. Memory under strategies other than ddp follows from what they deal out and was not compared with a run.

- compute: the operations of a step over the assumed share of the peak. travel: gradients, and dealt-out weights, in a
  ring over the slowest link. step: compute, and what of the travel the backward pass does not hide.
- samples/s and MB/s are what the loaders of one GPU must deliver, in finished micro-batches.

## AION-1 XL, 8,064 objects a step on any number of GPUs
TEXT
plan --config configs/aion_base.yaml --config configs/aion_xl.yaml --config configs/plans/aion.yaml \
    --data.train unused --samples 8064 --gpus '[1,8,64,288,1024]' --strategies '[zero1,fsdp]'

cat <<'TEXT'

## Walrus, four micro-batches a step on each GPU
TEXT
plan fields --config configs/walrus.yaml --config configs/plans/walrus.yaml \
    --gpus '[1,8,96,512,1024]' --strategies '[zero1,fsdp]'
