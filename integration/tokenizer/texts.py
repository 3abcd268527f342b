"""Texts to compare tokenizers on: real ones (source, docstrings, many languages) and hostile ones, of a fixed seed."""
import pathlib
import random
import sysconfig

# One sentence or two in many scripts: ordinary text, with the accents, cases and joiners of each language.
LANGUAGES = """
The quick brown fox doesn't jump over 3.14 lazy dogs; it e-mails them (at 09:30!) via https://example.org/a?b=c#d.
Où est passé l'été ? Les élèves naïfs achètent des œufs à 5 € près du château, çà et là.
Die Straße führt über große Brücken; „Größe“ heißt in GROSSBUCHSTABEN auch GRÖẞE oder GRÖSSE.
¿Dónde está el niño? ¡Mañana irán todos a la montaña con su pingüino!
Não há coração sem emoção; amanhã às três horas virão os irmãos João e Inês.
İstanbul'da ılık bir akşam; Iğdır'dan gelen İnci ışığı söndürdü, ŞĞÜÖÇ şğüöç.
Zażółć gęślą jaźń, Łódź leży niedaleko; ĄĆĘŁŃÓŚŹŻ.
Příliš žluťoučký kůň úpěl ďábelské ódy. Ňadra! Kde je můj řetěz?
Árvíztűrő tükörfúrógép, ŐŰ őű; hosszú mondat következik.
Þetta er íslenska: Ég á æðislegan hest, Ðað og Þór.
Tiếng Việt có nhiều dấu thanh: Ngày mai tôi sẽ đến Hà Nội, được không? Ữ Ẫ Ợ
Το ΣΟΦΟΣ γράφεται σοφός· ὁ Ὀδυσσεὺς ἦλθεν ᾿Αθήναζε, ΐ ΰ ᾳ ᾼ ῼ.
Съешь ещё этих мягких французских булок, да выпей чаю. Йод, ёлка, Ѐ ѝ Ї ґ.
Він їсть їжу; Ґанок, м'яч, об'єкт — це українською.
שלום עולם! בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם וְאֵת הָאָרֶץ
مرحبا بالعالم، كيف حالك؟ بِسْمِ ٱللَّٰهِ ٱلرَّحْمَٰنِ ٱلرَّحِيمِ ٠١٢٣٤٥٦٧٨٩
می‌خواهم کتاب‌ها را ببینم؛ آیا گربه‌ای هست؟
اردو میں یہ ایک جملہ ہے، ٹھیک ہے؟
नमस्ते दुनिया, क्षत्रिय ज़रूर पढ़ाई करेगा। हिन्दी १२३॥
আমি বাংলায় গান গাই, কোথায় যাচ্ছ? ড় ঢ় য়
ਪੰਜਾਬੀ ਵਿੱਚ ਲਿਖਿਆ ਹੈ। ગુજરાતી ભાષા છે.
தமிழ் மொழி மிகவும் பழமையானது. கொ கோ கௌ
తెలుగు భాష; ಕನ್ನಡ ಭಾಷೆ; മലയാളം ഭാഷയാണ്; සිංහල භාෂාව ශ්‍රී
ภาษาไทยไม่มีช่องว่างระหว่างคำ น้ำใจ กำลัง ๑๒๓ ฯลฯ
ພາສາລາວ ມີຄວາມສຸກ; ភាសាខ្មែរ ស្រុក; မြန်မာဘာသာ စကား။
བོད་སྐད་ཡིན། སྒྲ་ཨོཾ་མ་ཎི་པདྨེ་ཧཱུྃ།
ამბავი ქართულად: ᲥᲐᲠᲗᲣᲚᲘ; Հայերեն լեզու՝ և ԵՒ ﬓ
አማርኛ ቋንቋ፡ ሰላም ልዑል። ᏣᎳᎩ ꭳꮳꮃ ᐃᓄᒃᑎᑐᑦ
人工智能正在改变世界，你好！繁體中文與简体中文混排test一下。𠮷野家𪚥
吾輩は猫である。名前はまだ無い。ガギグゲゴ、ﾊﾟﾋﾟ、ヷヸ が ぱ 「カッコ」
한국어 문장입니다. 대한민국 서울특별시; 각 힣 ᄀ ᅡ ᆨ 한글 ㄱㅏ ㈜
Монгол хэл ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ᠎ᠡ; Қазақ тілі әңүұқөһ; ӐӒӖ
Kiswahili ni lugha; Ọjọ́ dára, ẹ̀kọ́ ṣe pàtàkì; ʻŌlelo Hawaiʻi, ñ Ŋ ŋ Ɓ ɗ
👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 ok, 🇩🇪🇯🇵, 1️⃣ keycap, ❤️‍🔥, 🧑🏿‍🚀 go!
∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, ∑ᵢ aᵢ² ≤ ∞, ∂f/∂x ≠ ∅, Å ≡ Å ≡ Å, Ω≡Ω, ﬁ ﬀ ½ ² Ⅳ ⓐ Ⓐ ①
𝐇𝐞𝐥𝐥𝐨 𝕎𝕠𝕣𝕝𝕕 Ｆｕｌｌｗｉｄｔｈ　ｔｅｘｔ；𐐀𐐨 Deseret 𐲀𐳀 𞤀𞤢 𑢠𑣀
""".strip().splitlines()

SPECIALS = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[cls]", "[CLS", "CLS]", "[[CLS]]", "x[SEP]y", "##", "##ing"]
SPACES = [chr(c) for c in [*range(9, 14), 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
                           0x200B, 0x200C, 0x200D, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF, 0x180E]]
TRICKY = (["İ", "ı", "I", "i̇", "Σ", "ς", "σ", "ß", "ẞ", "ŉ", "ǰ", "ΐ", "ﬃ", "Ǆ", "ǅ", "K", "Å", "\0", "\ufffd",
           "\x7f", "\x9f", "\u0344", "\u0f73\u0f71", "\u302e\u302f", "\U0001d15f\U0001d165\U0001d16d", "\u1885",
           "\u1734", "\ua9bd", "\U000111c9", "\u166d", "\u08e2", "\u2e44", "\U000e0001", "\U0010ffff", "\ufdd0",
           "\ue000", "\u0378", "각",
           "\u1100\u1161\u11a8", "\ud7a3", "豈", "\U0002f800", "\U0002b81f", "\U0002ceb0", "\u3300", "\u00ad", "\u200e"]
          + [chr(c) for c in range(0x300, 0x370)])
# Where letters are: whole blocks, so that every property of theirs is met.
BLOCKS = [(0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x900), (0x900, 0xE00), (0xE00, 0x1200),
          (0x1200, 0x1E00), (0x1E00, 0x2000), (0x2000, 0x2C00), (0x2C00, 0x3100), (0x3100, 0x3400), (0x3400, 0xA000),
          (0xA000, 0xAC00), (0xAC00, 0xD7A4), (0xD7B0, 0xD800), (0xE000, 0xF900), (0xF900, 0x10000), (0x10000, 0x11000),
          (0x11000, 0x12000), (0x12000, 0x1D000), (0x1D000, 0x1F000), (0x1F000, 0x20000), (0x20000, 0x30000),
          (0x30000, 0xE0000), (0xE0000, 0xE0200), (0xF0000, 0x110000)]


def python_files():
    """Source of the standard library and of the installed packages, in a fixed order."""
    paths = sysconfig.get_paths()
    for root, pattern in ((paths["stdlib"], "*.py"), (paths["stdlib"], "*/*.py"), (paths["purelib"], "*/*.py")):
        yield from sorted(pathlib.Path(root).glob(pattern))


def real(rng, count):
    """Paragraphs and lines of source (comments and docstrings included), every line outside ASCII first."""
    foreign, paragraphs = [], []
    for path in python_files():
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        if not text.isascii():
            foreign += [line for line in text.splitlines() if not line.isascii()][:200]
        paragraphs += [p[:300] for p in text.split("\n\n") if p.strip()][:60]
        if len(paragraphs) > 2 * count:
            break
    paragraphs = list(dict.fromkeys(paragraphs))
    rng.shuffle(paragraphs)
    texts = list(dict.fromkeys(line[:1000] for line in foreign))[:count // 3]
    return texts + paragraphs[:count - len(texts)]


def multilingual(rng):
    """Sentences of many languages, whole, cut, glued together and with their letters' case changed, without end."""
    yield from LANGUAGES
    while True:
        sentence = rng.choice(LANGUAGES)
        words = sentence.split(" ")
        rng.shuffle(words)
        text = rng.choice([sentence, " ".join(words), sentence[rng.randrange(20):], "".join(words[:4])])
        text = rng.choice([str, str.upper, str.lower, str.title, str.swapcase])(text)
        yield text if rng.random() < 0.7 else text + rng.choice(SPACES) + rng.choice(LANGUAGES)


def hostile_piece(rng):
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice(SPECIALS)
    if kind == 1:
        return "".join(rng.choices(SPACES, k=rng.randrange(1, 4)))
    if kind in (2, 3):
        return "".join(rng.choices(TRICKY, k=rng.randrange(1, 6)))
    if kind == 4:
        return chr(rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x110000))))
    if kind == 5:
        return chr(rng.randrange(0x80))
    if kind == 6:
        return rng.choice(["a", "un", "ing", "ß", "é", "字", "가", "1", "_"]) * rng.choice([1, 2, 99, 100, 101, 300])
    if kind == 7:
        return rng.choice("#[]-'.,\"$+<>|~^`=_") * rng.randrange(1, 4)
    low, high = rng.choice(BLOCKS)
    return "".join(chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 12)))


def hostile(rng):
    while True:
        pieces = [hostile_piece(rng) for _ in range(rng.choice([1, 2, 3, 5, 8]))]
        yield rng.choice(["", "", " "]).join(pieces)


def fill(texts, source, count):
    """Adds texts of `source` that are not there yet until there are `count`."""
    while len(texts) < count:
        texts[next(source)] = None


def corpus(count, seed=20240229):
    """`count` different texts: 40 % real, 15 % in many languages, the rest hostile."""
    rng = random.Random(seed)
    texts = dict.fromkeys(real(rng, count * 40 // 100))
    fill(texts, multilingual(rng), len(texts) + count * 15 // 100)
    texts |= dict.fromkeys(["", " ", "\0", "\n", "a" * 100_000, "é" * 50_000, "字" * 5_000, "\u0301" * 20_000,
                            "\u302e\u0f71" * 5_000, "[CLS]" * 3_000, "word " * 30_000])
    fill(texts, hostile(rng), count)
    return list(texts)
