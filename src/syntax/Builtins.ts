/**
 * Names that mean something before a program binds them. A program that binds one (`def f(list)`) may use it in its
 * other meaning elsewhere, so they are never renamed.
 */
import type { Language } from "../domain/Task.ts";

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

const python = words(`
abs aiter all anext any apply ascii basestring bin bool breakpoint buffer bytearray bytes callable chr classmethod cmp
coerce compile complex copyright credits delattr dict dir divmod enumerate eval exec execfile exit file filter float
format frozenset getattr globals hasattr hash help hex id input int intern isinstance issubclass iter len license list
locals long map max memoryview min next object oct open ord pow print property quit range raw_input reduce reload repr
reversed round set setattr slice sorted staticmethod str sum super tuple type unichr unicode vars xrange zip
self cls
ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError
BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError
ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup
FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning
IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError
ModuleNotFoundError NameError NotADirectoryError NotImplemented NotImplementedError OSError OverflowError
PendingDeprecationWarning PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning
RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError
TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
UnicodeWarning UserWarning ValueError Warning ZeroDivisionError
`);

const javascript = words(`
AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean Buffer DataView Date Error
EvalError FinalizationRegistry Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Intl
Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer
String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef
WeakSet TextDecoder TextEncoder URL URLSearchParams arguments clearImmediate clearInterval clearTimeout console
decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval exports fetch global globalThis isFinite isNaN
module parseFloat parseInt performance process queueMicrotask require self setImmediate setInterval setTimeout
structuredClone undefined unescape window
`);

const cpp = words(`
main std abort abs accumulate acos acosh adjacent_find advance all_of any any_of array asin asinh assert atan atan2
atanh atof atoi atol atoll back_inserter basic_string begin binary_search bitset bool boolalpha bsearch calloc cbegin
cbrt ceil cend cerr char cin clamp clock clog common_type complex copy copy_backward copy_if copy_n cos cosh count
count_if cout crbegin crend data dec decay declval defaultfloat deque discard_block_engine distance div divides
double empty end endl ends equal equal_range equal_to erase errno exception exchange exclusive_scan exit exp exp2
expm1 fabs fclose fdim feof ferror fflush fgetc fgets fill fill_n find find_end find_first_of find_if find_if_not
fixed floor flush fma fmax fmin fmod fopen for_each forward forward_list fprintf fputc fputs fread free freopen frexp
front fscanf fseek fstream ftell function fwrite gcd generate generate_n get get_temporary_buffer getc getchar getenv
getline gets greater greater_equal hash hex hexfloat hypot identity ifstream includes inclusive_scan inner_product
inplace_merge inserter int int16_t int32_t int64_t int8_t internal invalid_argument iota is_heap is_partitioned
is_permutation is_same is_sorted is_sorted_until isalnum isalpha isblank iscntrl isdigit isgraph isinf islower isnan
isprint ispunct isspace istream istringstream isupper isxdigit iter_swap iterator labs ldexp ldiv left less less_equal
lexicographical_compare lgamma list llabs lldiv llround localtime log log10 log1p log2 logic_error logical_and
logical_not logical_or long longjmp lower_bound lrint lround make_heap make_pair make_shared make_tuple make_unique
malloc map max max_element memchr memcmp memcpy memmove memset merge midpoint min min_element minmax minmax_element
minus mismatch mktime modf modulus move move_backward mt19937 mt19937_64 multimap multiplies multiset mutex nan
negate next next_permutation noboolalpha none_of noshowpoint noskipws not_equal_to nth_element nullopt nullptr
numeric_limits oct ofstream optional ostream ostringstream out_of_range pair partial_sort partial_sort_copy
partial_sum partition partition_copy perror plus pop_heap popcount pow prev prev_permutation printf priority_queue
ptrdiff_t push_heap putc putchar puts qsort queue raise rand random_device random_shuffle rbegin realloc ref regex
regex_match regex_replace regex_search remove remove_copy remove_copy_if remove_if rename rend replace replace_copy
replace_if reverse reverse_copy rewind right rint rotate rotate_copy round runtime_error sample scanf scientific search
search_n set set_difference set_intersection set_symmetric_difference set_union setbase setfill setjmp setprecision
setw shared_ptr short showbase showpoint shuffle signal sin sinh size size_t skipws snprintf sort sort_heap span
sprintf sqrt srand sscanf ssize stable_partition stable_sort stack static_pointer_cast stod stof stoi stol stold stoll
stoul stoull strcat strchr strcmp strcpy strcspn string string_view stringstream strlen strncat strncmp strncpy
strpbrk strrchr strspn strstr strtod strtok strtol strtoll strtoul strtoull swap swap_ranges system tan tanh tgamma
thread tie time to_string tolower toupper transform transform_reduce trunc tuple tuple_size uint16_t uint32_t uint64_t
uint8_t uniform_int_distribution uniform_real_distribution unique unique_copy unique_ptr unordered_map
unordered_multimap unordered_multiset unordered_set upper_bound uppercase valarray variant vector visit vprintf
wstring y0 y1 yn j0 j1 jn
`);

const lists: Readonly<Record<Language, ReadonlySet<string>>> = { python, javascript, cpp };

/** Whether a name has a meaning in the language that no program gave it. */
export const has = (language: Language, name: string): boolean =>
  lists[language].has(name) || (name.startsWith("__") && name.endsWith("__"));
