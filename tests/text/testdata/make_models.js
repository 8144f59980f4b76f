// Writes models.json: tokenizers of every model type with random components,
// and what the reference makes of random Unicode texts and pairs with them,
// whole as well as truncated and padded.  The reference is the native library
// of the npm package tokenizers 0.23.2.
//   npm install tokenizers@0.23.2
//   GOLDEN=../../golden/tokenizers node make_models.js [CASES [SEED]] > models.json
// With more cases and other seeds it makes data for a longer comparison.
// Left out is what the reference does at random, refuses or crashes on.
const { Tokenizer } = require('tokenizers');
const fs = require('fs');

const numCases = Number(process.argv[2] || 34);
let state = Number(process.argv[3] || 20261126);
const random = (n) => { // Numerical Recipes' generator, its upper bits
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * n);
};
const chance = (p) => random(1000) < p * 1000;
const pick = (list) => list[random(list.length)];
const some = (list, n) => Array.from({ length: n }, () => pick(list));

// Any code point, those of small scripts and of new ones as likely as Latin.
const blocks = [[0x20, 0x7e], [0x20, 0x7e], [0x20, 0x7e], [0, 0x1f], [0x80, 0x24f], [0x250, 0x36f], [0x370, 0x58f], [0x590, 0x6ff], [0x700, 0x8ff], [0x900, 0xdff], [0xe00, 0xfff], [0x1000, 0x11ff],
  [0x1200, 0x1aff], [0x1b00, 0x1dff], [0x1e00, 0x1fff], [0x2000, 0x20ff], [0x2100, 0x2bff], [0x2c00, 0x2fff], [0x3000, 0x33ff], [0x3400, 0x9fff], [0xa000, 0xabff], [0xac00, 0xd7ff], [0xe000, 0xf8ff],
  [0xf900, 0xffff], [0x10000, 0x10fff], [0x11000, 0x11fff], [0x12000, 0x16fff], [0x1b000, 0x1d7ff], [0x1e000, 0x1efff], [0x1f000, 0x1fbff], [0x20000, 0x323af], [0xe0000, 0xe01ff], [0x10fff0, 0x10ffff]];
const codePoint = () => {
  const [first, last] = pick(blocks);
  return String.fromCodePoint(first + random(last - first + 1));
};
const common = [...'abcdeABCDE  01239.,!?\'-_\u2581\u00e9\u0301\u0323\u00df\u0130\u03a3\u4e2d\u6587\u3042\u30fc\ud83d\ude00\u200d\ud83c\udde9\u00a0\ufb01\uff21\uac00\u1100\u1161'];
const fragments = ['hello', "it's", 'do not', ' the ', '123', '  ', '\r\n', '\u2581\u2581', 'unaffable', 'ab ab', 'a\u0301\u0323', '\ud83d\udc69\u200d\ud83d\udc67', '\ud83c\udde9\ud83c\uddea', '\ufb01\u0301', '\u00b2\u0301', ...common, ...common];
const text = (length, extra = []) => Array.from({ length }, () => (chance(0.25) ? codePoint() : pick(extra.length && chance(0.15) ? extra : fragments))).join('');

const regexes = ["(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", '\\p{N}', '\\s+', '\\w+', '[^\\w\\s]+', '\\p{Han}', '\\p{P}', '\\p{S}', '\\p{M}+', '\\p{Lu}', '[\\p{L}\\p{M}]+'];
const pattern = () => (chance(0.35) ? { String: pick([' ', 'a', 'ab', '\u2581', '.']) } : { Regex: pick(regexes) });
const behavior = () => pick(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']);
const parts = (make, depth) => (depth < 2 ? Array.from({ length: 1 + random(3) }, () => make(depth + 1)) : []);
const bert = () => ({ type: 'BertNormalizer', clean_text: chance(0.7), handle_chinese_chars: chance(0.7), strip_accents: pick([null, true, false]), lowercase: chance(0.6) });
const normalizer = (depth = 0) => pick([bert, bert,
  () => ({ type: pick(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'ByteLevel']) }), () => ({ type: pick(['NFC', 'NFD', 'NFKC', 'NFKD', 'StripAccents', 'Nmt']) }),
  () => ({ type: 'Strip', strip_left: chance(0.5), strip_right: chance(0.5) }), () => ({ type: 'Prepend', prepend: pick(['\u2581', 'xy']) }),
  () => ({ type: 'Replace', pattern: pattern(), content: pick(['\u2581', '', ' ']) }), () => ({ type: 'Sequence', normalizers: parts(normalizer, depth) }),
])();
const metaspace = () => ({ type: 'Metaspace', replacement: '\u2581', prepend_scheme: pick(['always', 'never', 'first']), split: chance(0.6) });
const preTokenizer = (depth = 0) => pick([metaspace, metaspace, () => ({ type: 'BertPreTokenizer' }), () => ({ type: 'BertPreTokenizer' }), () => ({ type: pick(['Whitespace', 'WhitespaceSplit']) }),
  () => ({ type: 'CharDelimiterSplit', delimiter: pick([' ', 'a', '\u00e9']) }), () => ({ type: 'FixedLength', length: 1 + random(6) }), () => ({ type: 'Split', pattern: pattern(), behavior: behavior(), invert: chance(0.3) }),
  () => ({ type: 'Digits', individual_digits: chance(0.5) }), () => ({ type: 'Punctuation', behavior: behavior() }), () => ({ type: 'ByteLevel', add_prefix_space: chance(0.5), trim_offsets: true, use_regex: chance(0.5) }),
  () => ({ type: 'Sequence', pretokenizers: parts(preTokenizer, depth) }),
])();
const decoder = (depth = 0) => pick([() => ({ type: 'WordPiece', prefix: '##', cleanup: chance(0.5) }), () => ({ type: 'WordPiece', prefix: '##', cleanup: true }),
  () => ({ type: 'CTC', pad_token: pick(['<s>', 'a']), word_delimiter_token: pick(['|', '\u2581']), cleanup: chance(0.5) }), () => ({ type: 'Metaspace', replacement: '\u2581', prepend_scheme: pick(['always', 'never', 'first']), split: true }),
  () => ({ type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }), () => ({ type: pick(['ByteFallback', 'Fuse']) }), () => ({ type: 'Replace', pattern: pattern(), content: pick([' ', '']) }),
  () => ({ type: 'Sequence', decoders: parts(decoder, depth) }),
])();

const words = () => {
  const list = new Set();
  while (list.size < 70) list.add(some([...'abcdehlo0129.,\u2581\u2581\u00e9\u0301\u4e2d'], 1 + random(4)).join(''));
  return [...list];
};
const bytes = Array.from({ length: 256 }, (_, b) => '<0x' + (b < 16 ? '0' : '') + b.toString(16).toUpperCase() + '>');
const idsOf = (tokens) => Object.fromEntries([...new Set(tokens)].map((token, i) => [token, i]));
const model = () => pick([
  () => ({ type: 'WordLevel', unk_token: '<unk>', vocab: idsOf(['<unk>', '<s>', ...words(), ...common]) }),
  () => {
    const prefix = pick(['##', '##', '']);
    return { type: 'WordPiece', unk_token: '<unk>', continuing_subword_prefix: prefix, max_input_chars_per_word: pick([100, 100, 8, 2]), vocab: idsOf(['<unk>', '<s>', ...words(), ...words().map((w) => prefix + w), ...common.filter(() => chance(0.9)).flatMap((c) => [c, prefix + c])]) };
  },
  () => {
    const tokens = [...new Set(['<unk>', '<s>', ...words(), ...common.filter(() => chance(0.9)), ...(chance(0.4) ? bytes : [])])];
    const coarse = chance(0.3); // Then ties are many.
    return { type: 'Unigram', unk_id: 0, vocab: tokens.map((token) => [token, coarse ? -random(3) : -Math.fround((random(1e6) / 1e5) + 0.5)]), byte_fallback: chance(0.5) };
  },
])();
const addedTokens = (vocab, file) => {
  const rewrite = file.normalizer && load(file).getNormalizer();
  const seen = new Set(['']);
  const known = Array.isArray(vocab) ? Object.fromEntries(vocab.map(([token], i) => [token, i])) : vocab;
  let next = Object.keys(known).length;
  return ['<s>', '[T]', 'tok', 'aa', 'a', '  ', '<|x|>', '\u00e9', 'HELLO'].filter(() => chance(0.3)).map((content) => ({
    id: content in known ? known[content] : next++, content, single_word: chance(0.3), lstrip: chance(0.4), rstrip: chance(0.4), normalized: chance(0.5), special: chance(0.5),
  })).filter((token) => {
    const content = rewrite && token.normalized ? rewrite.normalizeString(token.content) : token.content;
    return !seen.has(content) && seen.add(content);
  });
};
const special = (id, type_id) => ({ SpecialToken: { id, type_id } });
const sequence = (id, type_id) => ({ Sequence: { id, type_id } });
const template = () => ({ type: 'TemplateProcessing', single: [special('<s>', 0), sequence('A', random(2)), ...(chance(0.5) ? [special('<unk>', 1)] : [])], pair: pick([[sequence('A', 0), special('<s>', 0), sequence('B', 1), special('<unk>', 1)], [sequence('B', 2), sequence('A', 3)], [special('<s>', 0), sequence('A', 0), special('<s>', 0), sequence('B', 0)]]),
  special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] }, '<unk>': { id: '<unk>', ids: [0, 1], tokens: ['<unk>', '<s>'] } } });
const byteLevelProcessor = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true };
const postProcessor = () => pick([null, template(), template(), byteLevelProcessor, { type: 'Sequence', processors: [byteLevelProcessor, template()] },
  { type: 'RobertaProcessing', sep: ['<s>', 1], cls: ['<unk>', 0], trim_offsets: chance(0.5), add_prefix_space: true }, { type: 'BertProcessing', sep: ['<s>', 1], cls: ['<unk>', 0] }]);
const truncation = () => pick([null, { direction: pick(['Left', 'Right']), max_length: 10 + random(8), strategy: pick(['LongestFirst', 'LongestFirst', 'OnlyFirst', 'OnlySecond']), stride: random(2) }]);
const padding = () => pick([null, { strategy: pick(['BatchLongest', { Fixed: 14 }]), direction: pick(['Left', 'Right']), pad_to_multiple_of: pick([null, 8]), pad_id: 1, pad_type_id: random(3), pad_token: '<s>' }]);

const windowOf = (encoding) => [encoding.getIds(), encoding.getTypeIds(), encoding.getAttentionMask()];
const rowOf = async (tokenizer, batch, first, second) => {
  const whole = await tokenizer.encode(first, second, { addSpecialTokens: true });
  const plain = await tokenizer.encode(first, second, { addSpecialTokens: false });
  const row = { text: first, ids: whole.getIds(), ids_plain: plain.getIds(), decoded: await tokenizer.decode(plain.getIds(), false), decoded_skip: await tokenizer.decode(whole.getIds(), true) };
  if (second !== null) Object.assign(row, { pair: second, type_ids: whole.getTypeIds(), type_ids_plain: plain.getTypeIds() });
  if (batch === null) return row;
  try {
    const cut = await batch.encode(first, second, { addSpecialTokens: true });
    row.windows = [windowOf(cut), ...cut.getOverflowing().map(windowOf)];
  } catch (error) {
    row.windows = null;
  }
  return row;
};

const load = (file) => Tokenizer.fromString(JSON.stringify(file));
const golden = (name) => JSON.parse(fs.readFileSync(`${process.env.GOLDEN}/${name}/tokenizer.json`, 'utf8'));
(async () => {
  const cases = [];
  for (let i = 0; cases.length < numCases; i++) {
    const name = i % 6 === 0 ? pick(['t5-unigram', 't5-unigram', 'bert-wordpiece', 'whitespace-wordlevel', 'llama3-bpe', 'llama2-sp-bpe']) : null;
    const file = name !== null ? golden(name) : { version: '1.0', added_tokens: [], normalizer: chance(0.7) ? normalizer() : null, pre_tokenizer: chance(0.85) ? preTokenizer() : null, post_processor: postProcessor(), decoder: chance(0.9) ? decoder() : null, model: model() };
    if (name === null) file.added_tokens = addedTokens(file.model.vocab, file);
    // A known difference: what Prepend puts there is the text's start here.
    if (JSON.stringify(file.normalizer).includes('"Prepend"')) file.pre_tokenizer = JSON.parse(JSON.stringify(file.pre_tokenizer).replaceAll('"first"', '"always"'));
    const settings = { truncation: truncation(), padding: padding() };
    let tokenizer;
    let batch;
    try {
      tokenizer = load({ ...file, truncation: null, padding: null });
      batch = settings.truncation || settings.padding ? load({ ...file, ...settings }) : null;
    } catch (error) {
      continue; // Two added tokens that are normalised to one text.
    }
    const rows = [];
    for (const length of [0, 2, 5, 9, 16, 28]) {
      const extra = file.added_tokens.map((token) => pick(['', ' ', '  ']) + token.content + pick(['', ' ']));
      rows.push(await rowOf(tokenizer, batch, text(length, extra), chance(0.4) ? text(random(20), extra) : null));
    }
    cases.push(JSON.stringify({ ...(name !== null ? { golden: name } : { file }), ...settings, rows }));
  }
  console.log('[\n' + cases.join(',\n') + '\n]');
})();
