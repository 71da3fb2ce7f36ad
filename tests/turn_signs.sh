#!/usr/bin/env bash
# Turns one sign in the source of every backward function, one at a time, and checks that the tests of the table of
# operations notice.
#
#   tests/turn_signs.sh [PATTERN]     only lines of the list below that match PATTERN
#
# Works on a copy of the sources in a temporary folder. Each sign takes a rebuild of the library; all of them take about
# an hour. Ends with status 1 when a turned sign goes unnoticed or a line of the list no longer fits the source.
set -euo pipefail
cd "$(dirname "$0")/.."
pattern="${1:-.}"

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
cp -r Cargo.toml Cargo.lock src tests benches examples "$copy"
export CARGO_TARGET_DIR="${SIGNS_TARGET_DIR:-$copy/target}" CARGO_INCREMENTAL=1

# file | what stands there, once | with the sign turned
list='
affine | Arguments { shift: 0.0, accumulate: sink.flag(), ..call.attributes.get() } | Arguments { shift: 0.0, accumulate: sink.flag(), scale: -call.attributes.get::<Arguments>().scale }
attention/backward | query.delta = l.fma( | query.delta = l.fnma(
attention/backward | l.mul(p, l.sub(dp, self.delta)) | l.mul(p, l.add(dp, self.delta))
attention/backward | multiply(l, memory.q, scale); | multiply(l, memory.q, -scale);
attention/backward | multiply(l, memory.dq, scale); | multiply(l, memory.dq, -scale);
attention/backward | l.write(score, p); | l.write(score, l.neg(p));
attention/backward | l.write(score, l.select(dropped, zero, l.mul(p, factor))); | l.write(score, l.neg(l.select(dropped, zero, l.mul(p, factor))));
binary | (Subtract, _) => -1.0, | (Subtract, _) => 1.0,
binary | (Multiply, 0) => b, | (Multiply, 0) => -b,
binary | (Divide, _) => -a / (b * b), | (Divide, _) => a / (b * b),
columns | |(dx, dy)| *dx += dy | |(dx, dy)| *dx -= dy
concatenate | 1 => dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy) | 1 => dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx -= dy)
convolution/backward | *dx += from | *dx -= from
convolution/backward | vector::derivative(self.isa, function, &self.sums[range.clone()], &self.dy[range], own, false); | vector::derivative(self.isa, function, &self.sums[range.clone()], &self.dy[range], own, false); own.iter_mut().for_each(|d| *d = -*d);
convolution/backward | vector::add_to(self.isa, row, &mut dbias[..outputs]) | dbias.iter_mut().zip(row).for_each(|(sum, row)| *sum -= row)
convolution/backward | self.patches.gather(tile.clone(), self.x, patch); | self.patches.gather(tile.clone(), self.x, patch); patch.iter_mut().for_each(|p| *p = -*p);
coupling_affine | l.neg(l.mul(l.fma(y, dy, dlog_det), | (l.mul(l.fma(y, dy, dlog_det),
coupling_affine | (dx, ds, l.neg(dx)) | (dx, ds, dx)
coupling_affine | (l.mul(s, dy), ds, dy) | (l.mul(s, dy), ds, l.neg(dy))
coupling_spline/kernel | let turn = l.sub(zeta, xi); | let turn = l.sub(xi, zeta);
coupling_spline/kernel | let dlog = l.neg(dlog_det); | let dlog = dlog_det;
coupling_spline/kernel | let dcorner = l.neg(dxi_per_width); | let dcorner = dxi_per_width;
coupling_spline/kernel | let dtotal_width = l.neg(l.div( | let dtotal_width = (l.div(
gather_rows | |(dx, dy)| *dx += dy | |(dx, dy)| *dx -= dy
group_norm/kernels | *level = (*level - dmean | *level = (*level + dmean
group_norm/kernels | r * (g - levels[group] - scaled | r * (g - levels[group] + scaled
group_norm/kernels | dy[i] * scaled() } else { dy[i] } | dy[i] * scaled() } else { -dy[i] }
inverse_matrix | (dlog_det * v(j, i) - through_inverse) | (dlog_det * v(j, i) + through_inverse)
linear | vector::derivative(isa, f, &a[range.clone()], &dy[range], da, false); | vector::derivative(isa, f, &a[range.clone()], &dy[range], da, false); da.iter_mut().for_each(|d| *d = -*d);
linear | |(d, a)| *d += a | |(d, a)| *d -= a
log_sum_exp | put(dx, accumulate, share * dy[row]) | put(dx, accumulate, -share * dy[row])
mlp/forward | l.write(slope, l.mul(l.read(slope), l.read(gate))); | l.write(slope, l.neg(l.mul(l.read(slope), l.read(gate))));
mlp/norm | l.mul(l.fnma(x, mean, d), r) | l.mul(l.fma(x, mean, d), r)
mlp/norm | l.write(&mut products[part], product); | l.write(&mut products[part], l.neg(product));
mlp/sums | *total += ((a + e) | *total -= ((a + e)
permute_columns | *dx += dy; | *dx -= dy;
recurrence/backward | |(total, sum)| *total += sum | |(total, sum)| *total -= sum
recurrence/cells | l.mul(d, l.sub(before, g)) | l.mul(d, l.sub(g, before))
recurrence/cells | let dg = l.mul(l.mul(d, l.sub(one, z)), | let dg = l.mul(l.mul(d, l.sub(z, one)),
recurrence/cells | l.mul(l.mul(dg, u_g), r) | l.mul(l.mul(l.neg(dg), u_g), r)
recurrence/cells | let du_g = l.mul(dg, r); | let du_g = l.neg(l.mul(dg, r));
recurrence/cells | part.write(l, dh, 0, l.mul(d, z)); | part.write(l, dh, 0, l.neg(l.mul(d, z)));
recurrence/cells | let dcell = l.fma(l.mul(d, o), | let dcell = l.fnma(l.mul(d, o),
recurrence/cells | let di = l.mul(l.mul(dcell, g), | let di = l.mul(l.mul(l.neg(dcell), g),
recurrence/cells | let df = l.mul(l.mul(dcell, | let df = l.mul(l.mul(l.neg(dcell),
recurrence/cells | let dg = l.mul(l.mul(dcell, i), | let dg = l.mul(l.mul(l.neg(dcell), i),
recurrence/cells | let d_o = l.mul(l.mul(d, t), | let d_o = l.mul(l.mul(l.neg(d), t),
recurrence/cells | part.write(l, dc, 0, l.mul(dcell, f)); | part.write(l, dc, 0, l.neg(l.mul(dcell, f)));
pooling | 0.25 * dy | -0.25 * dy
pooling | { dy } else { 0.0 } | { -dy } else { 0.0 }
reduce | *dx + factor * dy } else { factor * dy } | *dx + factor * dy } else { -factor * dy }
repeat_rows | |(sum, dy)| *sum += dy | |(sum, dy)| *sum -= dy
row_norm | - level - scaled(x) * along | - level + scaled(x) * along
row_norm | dy * (x - mean) * r } else { dy } | dy * (x - mean) * r } else { -dy }
segment_extreme | if attains { waiting[j] * dy[j] } | if attains { -waiting[j] * dy[j] }
softmax | y * (dy - total) | y * (dy + total)
unary | vector::derivative(isa, f, &x[range.clone()], &dy[range], dx, arguments.accumulate == 1); | vector::derivative(isa, f, &x[range.clone()], &dy[range], dx, arguments.accumulate == 1); dx.iter_mut().for_each(|d| *d = -*d);
'

wrong=0 tried=0
while IFS= read -r entry; do
    [ -n "$entry" ] && [[ "$entry" =~ $pattern ]] || continue
    file="src/ops/${entry%% | *}.rs" rest="${entry#* | }"
    # The texts hold closures: the last " | " that is followed by as many bars as stand before it parts them.
    what="$(SEPARATE="$rest" awk 'BEGIN { n = split(ENVIRON["SEPARATE"], part, " [|] "); m = n / 2
        for (i = 1; i <= m; i++) printf "%s%s", (i > 1 ? " | " : ""), part[i] }')"
    by="${rest#"$what | "}"
    tried=$((tried + 1))
    printf '%s: %s ... ' "$file" "$by"
    if [ "$(grep -cF -- "$what" "$file")" != 1 ]; then
        echo "the list does not fit the source"
        wrong=$((wrong + 1))
        continue
    fi
    WHAT="$what" BY="$by" awk '{ at = index($0, ENVIRON["WHAT"])
        if (at) $0 = substr($0, 1, at - 1) ENVIRON["BY"] substr($0, at + length(ENVIRON["WHAT"]))
        print }' "$file" > "$copy/$file"
    if ! (cd "$copy" && cargo build --quiet --lib 2> errors); then
        echo "does not compile"
        wrong=$((wrong + 1))
    elif (cd "$copy" && cargo test --quiet --test operations > output 2>&1); then
        echo "UNNOTICED"
        wrong=$((wrong + 1))
    else
        echo "noticed by $(grep -cE '^    [a-z_:]+$' "$copy/output" || true) tests"
    fi
    cp "$file" "$copy/$file"
done <<< "$list"
echo "$tried signs turned, $wrong of them unnoticed or not to be turned"
[ "$tried" -gt 0 ] && [ "$wrong" -eq 0 ]
