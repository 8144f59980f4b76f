// Writes pipelines.json: whole tokenizers of random components and what the
// reference makes of random texts with them.  The reference is the native
// library of the npm package tokenizers 0.23.2.
//   npm install tokenizers@0.23.2 && node make_pipelines.js > pipelines.json
// Left out is what the reference does at random or crashes on: two added tokens
// that are normalised to one text, one that is normalised to nothing.
const { Tokenizer } = require('tokenizers');

let state = 20261123;
const random = (n) => { // Numerical Recipes' generator, its upper bits
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * n);
};
const chance = (p) => random(1000) < p * 1000;
const pick = (list) => list[random(list.length)];
const some = (list, n) => Array.from({ length: n }, () => pick(list));

const characters = [...'abcxyzABC  019.,!\'-_<>[]\n\t\u2581\u00e9\u0301\u00df\u0130\u0131\u03a3\u03c2\u4e2d\u6587\u3042\u6f22\u3001\u3002\u30fc\ud83d\ude00\ud83d\udc69\u200d\ud83c\udde9\u00a0\u2003\u200b\u180e\u0085\ufeff\u24b6\u2160\u00b2\u00bd\u0661\u203f\u00aa\u05d0\ufb01\uff21\uac00\u1100\u1161\u212b\u1e9e\u0000\ufffd\u2028\u017f\u212a\u0430'];
const fragments = ['hello', "it's", "we'LL", ' the', '123', 'foo  bar', '\r\n', '   ', '\u2581\u2581', 'ab ab', ...characters];
const regexes = ["(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ' ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+', '\\p{N}', '\\s+', '\\w+', '[^\\w\\s]+', 'a*', '(?=b)', '\\b', '^', '[a-z&&[^aeiou]]+', '\\p{Han}', '[0-9]{1,2}+', '\\S+'];
const pattern = () => (chance(0.35) ? { String: pick([' ', 'a', 'ab', '\u2581', '.', '']) } : { Regex: pick(regexes) });
const behavior = () => pick(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']);
const parts = (make, depth) => (depth < 2 ? Array.from({ length: 1 + random(3) }, () => make(depth + 1)) : []);

const normalizer = (depth = 0) => pick([
  () => ({ type: pick(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase']) }), () => ({ type: 'Prepend', prepend: pick(['\u2581', 'xy', ' ']) }),
  () => ({ type: 'Replace', pattern: pattern(), content: pick(['\u2581', '', 'zz', ' ']) }), () => ({ type: 'Sequence', normalizers: parts(normalizer, depth) }),
])();
const preTokenizer = (depth = 0) => pick([
  () => ({ type: 'ByteLevel', add_prefix_space: chance(0.5), trim_offsets: true, use_regex: chance(0.5) }),
  () => ({ type: 'Split', pattern: pattern(), behavior: behavior(), invert: chance(0.3) }), () => ({ type: 'Split', pattern: pattern(), behavior: behavior(), invert: false }),
  () => ({ type: 'Metaspace', replacement: '\u2581', prepend_scheme: pick(['always', 'never']), split: chance(0.5) }),
  () => ({ type: 'Digits', individual_digits: chance(0.5) }), () => ({ type: 'Punctuation', behavior: behavior() }), () => ({ type: pick(['Whitespace', 'WhitespaceSplit']) }),
  () => ({ type: 'Sequence', pretokenizers: parts(preTokenizer, depth) }),
])();
const decoder = (depth = 0) => pick([
  () => ({ type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }), () => ({ type: pick(['ByteFallback', 'Fuse']) }),
  () => ({ type: 'Replace', pattern: pattern(), content: pick([' ', '', 'zz']) }), () => ({ type: 'Strip', content: pick([' ', 'a']), start: random(3), stop: 0 }),
  () => ({ type: 'Metaspace', replacement: '\u2581', prepend_scheme: pick(['always', 'never']), split: true }), () => ({ type: 'Sequence', decoders: parts(decoder, depth) }),
])();

const alphabet = () => {
  const own = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(own(b) ? b : next++));
};
const model = () => {
  const prefix = pick([null, null, '', '##']);
  const suffix = pick([null, null, '', '</w>']);
  const tokens = new Set(['<unk>', '<s>']);
  if (chance(0.5)) alphabet().forEach((c) => tokens.add(c));
  if (chance(0.4)) for (let b = 0; b < 256; b++) tokens.add('<0x' + (b < 16 ? '0' : '') + b.toString(16).toUpperCase() + '>');
  for (const c of characters) {
    if (chance(0.15)) continue;
    tokens.add(c); tokens.add((prefix || '') + c); tokens.add(c + (suffix || '')); tokens.add((prefix || '') + c + (suffix || ''));
  }
  const merges = [];
  for (let i = 0; i < 60; i++) {
    const recent = [...tokens].slice(-150);
    const [left, right] = [pick(recent), pick(recent)];
    if ((prefix && !right.startsWith(prefix)) || (suffix && left.endsWith(suffix)) || left.length + right.length > 12) continue;
    tokens.add(left + right.slice((prefix || '').length));
    merges.push([left, right]);
  }
  const vocab = Object.fromEntries([...tokens].map((t, i) => [t, i]));
  return { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: prefix, end_of_word_suffix: suffix, fuse_unk: chance(0.5), byte_fallback: chance(0.5), ignore_merges: chance(0.3), vocab, merges };
};
const addedTokens = (vocab) => {
  const size = Object.keys(vocab).length;
  let next = size;
  const normalizedAt = random(6);
  return ['<s>', '[T]', 'tok', 'aa', '<|x|>', '\u00e9'].filter(() => chance(0.5)).map((content, i) => ({
    id: content in vocab ? vocab[content] : next++, content, single_word: chance(0.3), lstrip: chance(0.3), rstrip: chance(0.3), normalized: i === normalizedAt, special: chance(0.5),
  }));
};
const byteLevelProcessor = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true };
const template = { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } };
const postProcessor = () => pick([null, template, byteLevelProcessor, { type: 'Sequence', processors: [byteLevelProcessor, template] },
  { type: 'RobertaProcessing', sep: ['<s>', 1], cls: ['<unk>', 0], trim_offsets: false, add_prefix_space: false }, { type: 'BertProcessing', sep: ['<s>', 1], cls: ['<unk>', 0] }]);

(async () => {
  const cases = [];
  for (let i = 0; i < 60; i++) {
    const bpe = model();
    const added = addedTokens(bpe.vocab);
    const file = { version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: chance(0.6) ? normalizer() : null, pre_tokenizer: chance(0.8) ? preTokenizer() : null, post_processor: postProcessor(), decoder: chance(0.9) ? decoder() : null, model: bpe };
    const rewrite = file.normalizer && Tokenizer.fromString(JSON.stringify(file)).getNormalizer();
    for (const token of added) token.normalized &&= !rewrite || rewrite.normalizeString(token.content) !== '';
    file.added_tokens = added;
    const tokenizer = Tokenizer.fromString(JSON.stringify(file));
    const rows = [];
    for (const length of [0, 3, 8, 20, 40]) {
      const text = some([...fragments, ...added.map((t) => t.content), ...added.map((t) => ' ' + t.content + ' ')], length).join('');
      const ids = (await tokenizer.encode(text, null, { addSpecialTokens: true })).getIds();
      const plain = (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
      rows.push({ text, ids, ids_plain: plain, decoded: await tokenizer.decode(plain, false), decoded_skip: await tokenizer.decode(ids, true) });
    }
    cases.push(JSON.stringify({ file, rows }));
  }
  console.log('[\n' + cases.join(',\n') + '\n]');
})();
