"""What llama.cpp's types lose on a checkpoint, measured by its own tools and, weights only, by the reference (needs llama.cpp's tools, gguf, torch, transformers).

usage: make_peer.py MODEL_DIR TEXT_DIR WORK_DIR OUT.json TYPE[+im]...      (+im: with an importance matrix from calibration.txt)
'kl_as_run': llama-perplexity --kl-divergence, context 256, positions of the second half (--score-from 129), its own activations' rounding included, mean and standard error.
'kl_weights_only': the reference in float32 on the dequantised weights, every position (--score-from 1); 'kl_weights_only_second_half' for --score-from 129.
The story separator is renamed for llama.cpp, whose llama-perplexity would read <|endoftext|> as plain characters; the token ids are the same.
"""
import json, os, re, subprocess, sys
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'examples', 'demo')]
import gguf, make_gguf, make_reference as ref

def run(*a):
    r = subprocess.run(a, capture_output=True, text=True); assert r.returncode == 0, (a, r.stderr[-400:]); return r.stdout + r.stderr

def main():
    model_dir, texts, work, out = sys.argv[1:5]; types = sys.argv[5:]; os.makedirs(work, exist_ok=True); j = lambda n: os.path.join(work, n)
    base = ref.load(model_dir); tok, encode = ref.encoder(model_dir); ids, X = ref.windows(encode, os.path.join(texts, 'evaluation.txt')); t = json.load(open(os.path.join(model_dir, 'tokenizer.json')))
    for a in t['added_tokens']: a['special'] = False; a['content'] = '[[story]]'
    for n in ('calibration', 'evaluation'): open(j(n + '.txt'), 'w', newline='').write(open(os.path.join(texts, n + '.txt'), newline='').read().replace('<|endoftext|>', '[[story]]'))
    f32 = j('F32.gguf'); make_gguf.hf_to_gguf(base, t, f32, 'f32'); here = json.loads(run('llama-tokenize', '-m', f32, '-f', j('evaluation.txt'), '--ids', '--log-disable').strip().split('\n')[-1]); assert here == ids, 'tokens differ'
    run('llama-imatrix', '-m', f32, '-f', j('calibration.txt'), '-o', j('imatrix.gguf'), '-c', '256', '-t', '2'); log = run('llama-perplexity', '-m', f32, '-f', j('evaluation.txt'), '-c', '256', '-t', '2', '--kl-divergence-base', j('base.kld')); rows = []
    for ty in types:
        q = j(ty + '.gguf'); run('llama-quantize', *(('--imatrix', j('imatrix.gguf')) if ty.endswith('+im') else ()), f32, q, ty.split('+')[0])
        log = run('llama-perplexity', '-m', q, '-f', j('evaluation.txt'), '-c', '256', '-t', '2', '--kl-divergence-base', j('base.kld'), '--kl-divergence')
        k, se = map(float, re.search(r'Mean +KLD: +([0-9.-]+) . +([0-9.]+)', log).groups()); top = float(re.search(r'Same top p: +([0-9.]+)', log).group(1)) / 100
        m = ref.load(model_dir); make_gguf.load_stored(m, q); w = ref.compare(base, m, X); tensors = gguf.GGUFReader(q).tensors
        rows.append(dict(type=ty, bits_per_weight=round(8 * sum(int(x.n_bytes) for x in tensors) / sum(int(x.n_elements) for x in tensors), 4), kl_as_run=k, kl_as_run_standard_error=se, same_top1_as_run=top, kl_weights_only=w['kl'], kl_weights_only_second_half=w['kl_second_half'], tensor_types={x.name: x.tensor_type.name for x in tensors if x.name in ('token_embd.weight', 'output.weight') or x.name.startswith('blk.0.') and 'norm' not in x.name}))
        print(rows[-1], flush=True)
    json.dump(dict(text='evaluation.txt', context=256, windows=len(X), tool='llama.cpp as Debian packages it, 0.7.0 (build 11669)', rows=rows), open(out, 'w'), indent=1)

main()
