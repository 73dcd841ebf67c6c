# columns and literals
i
d
ts
tm
1
-5
1.50
1e3
'it''s'
TRUE
DATE '2024-01-31'
TIMESTAMP '2024-01-31 10:20:30.5'
TIME '10:20:30'
NULL IS NULL
9223372036854775807
18446744073709551615
-9223372036854775808
# comparison
i > 0
i = u
b = ub
b < ub
i <=> NULL
i <=> b
d > 10
d >= 10.25
d = e
e > d
f > d
f = 1.5
r = 0.1
s = 'hello'
s = 'müller'
s = 'STRASSE'
g = 'hello'
g = 'muller'
g < s
x = 'Hello'
x = 'hello'
x = 'apple'
s < 'm'
s > 'apple'
g > '_'
s = 'HELLO' COLLATE utf8mb4_bin
s <=> NULL
s > 5
s = 12.5
i = '1'
d = '2.5'
b = '42'
i > 'abc'
bin = 'abc'
bin = 'ABC'
dt > '2020-01-01'
dt = '2024-02-29'
ts >= '2024-02-29 23:59:59.999999'
ts > dt
dt = ts
dt < DATE '2024-01-01'
tm > '10:00:00'
tm = '12:34:56.789'
dt > 20200101
ts < 20230101
i <> 1
i != n
n > 3
# logic
i > 0 AND s = 'hello'
i > 0 OR d > 0
NOT i
i XOR n
i AND NULL
NOT NULL
NULL OR 1
i IS TRUE
i IS NOT TRUE
i IS FALSE
i IS UNKNOWN
s IS NULL
s IS NOT NULL
d && 1
!i
s AND 1
# in, between, like
i IN (1, 100, NULL)
i NOT IN (1, 100)
s IN ('HELLO', 'apple, banana')
x IN ('Hello', 'apple')
d IN (2.5, 10.25)
i IN ('1', '100')
n IN (1, 2.0, '3')
i BETWEEN 0 AND 100
i NOT BETWEEN 0 AND 100
d BETWEEN -1 AND 11
s BETWEEN 'a' AND 'm'
dt BETWEEN '2020-01-01' AND '2024-12-31'
s LIKE 'h%'
s LIKE '%ll%'
s LIKE 'H_LLO'
x LIKE 'h%'
x LIKE 'H%'
g LIKE 'a\_b\%c'
g LIKE 'a|_b|%c' ESCAPE '|'
s NOT LIKE '%a%'
s LIKE g
i LIKE '1%'
s LIKE ''
x LIKE 'apple'
# arithmetic
i + 1
n + n
i - 1
n * n
i * i
u + 1
u - u
u - 1
b + 0
b + 1
b - 1
ub + 1
ub - 1
ub * 1
i + u
n - u
-i
-b
-d
-f
n DIV 2
n % 2
n MOD 3
-7 DIV 2
-7 % 3
i DIV 0
i % 0
i / 0
n / 3
1 / 3
1 / 3 * 3
d / 3
d / n
d / 7 * 7
e / 3
n / d
d + e
d - e
d * d
d * e
e * e
d % 3
d % 0.7
d DIV 3
f + 1
f * 2
f / 3
f % 2
f DIV 2
f * 1e10
d + f
i + d
r + 1
s + 1
s * 2
'3' + '4.5'
dt + 0
t0 + 0
ts + 0
tm + 0
1.1 + 2.2
0.1 * 0.1
1.00 * 2.000
1e308 * 10
n & 3
n | 8
n ^ 5
n << 2
n >> 1
~n
u & ub
TRUE + TRUE
(i > 0) + 1
9223372036854775807 + n
# conditionals
CASE i WHEN 0 THEN 'zero' WHEN 1 THEN 'one' ELSE 'many' END
CASE WHEN i > 0 THEN i WHEN i < 0 THEN -n END
CASE WHEN i > 0 THEN d ELSE n END
CASE WHEN n > 3 THEN 'x' ELSE n END
CASE WHEN n > 3 THEN f ELSE d END
CASE s WHEN 'HELLO' THEN 1 ELSE 2 END
CASE WHEN n = 0 THEN b + 1 ELSE 0 END
IF(i > 0, 'pos', 'neg')
IF(i, d, 0)
IF(n > 2, dt, ts)
IF(s IS NULL, 'none', s)
IFNULL(i, 0)
IFNULL(s, 'none')
IFNULL(d, 'x')
COALESCE(i, n, 0)
COALESCE(NULL, s, g)
COALESCE(dt, DATE '2000-01-01')
COALESCE(u, -1)
NULLIF(i, 1)
NULLIF(s, 'HELLO')
NULLIF(d, 2.5)
GREATEST(i, n)
LEAST(i, n, 0)
GREATEST(d, n, 1.5)
GREATEST(s, 'm')
GREATEST(dt, DATE '2022-01-01')
LEAST(f, d)
ISNULL(i)
# casts
CAST(s AS SIGNED)
CAST(d AS SIGNED)
CAST(d AS UNSIGNED)
CAST(-5 AS UNSIGNED)
CAST(18446744073709551615 AS SIGNED)
CAST('-12.9xyz' AS SIGNED)
CAST('99999999999999999999' AS SIGNED)
CAST('99999999999999999999' AS UNSIGNED)
CAST(2.5e0 AS SIGNED)
CAST(3.5e0 AS SIGNED)
CAST(-1.5 AS UNSIGNED)
CAST(i AS CHAR)
CAST(d AS CHAR)
CAST(f AS CHAR)
CAST(r AS CHAR)
CAST(dt AS CHAR)
CAST(ts AS CHAR)
CAST(t0 AS CHAR)
CAST(tm AS CHAR)
CAST(s AS CHAR(3))
CAST(i > 0 AS CHAR)
CAST(d AS DECIMAL(5,1))
CAST(s AS DECIMAL(10,2))
CAST(f AS DECIMAL(12,3))
CAST(e AS DECIMAL(10,0))
CAST('1e3' AS DECIMAL(10,2))
CAST('abc' AS DECIMAL(10,2))
CAST(x AS DATE)
CAST('2024-02-30' AS DATE)
CAST('20240229' AS DATE)
CAST(20240229 AS DATE)
CAST(ts AS DATE)
CAST(ts AS DATETIME)
CAST(ts AS DATETIME(3))
CAST(dt AS DATETIME)
CAST(ts AS TIME)
CAST(tm AS TIME)
CAST('10:20:30.55' AS TIME(1))
CAST('2024-01-31 10:20' AS DATETIME)
CAST(s AS DOUBLE)
CAST(d AS DOUBLE)
CAST(i AS DOUBLE)
CONVERT(i, CHAR)
CONVERT(s USING utf8mb4)
CAST(tm AS SIGNED)
CAST(ts AS SIGNED)
CAST(tm AS DECIMAL(12,3))
# texts
CONCAT(s, '-', i)
CONCAT(d, '/', f)
CONCAT(dt, ' ', tm)
CONCAT('a', NULL)
CONCAT_WS(',', s, NULL, g, i)
CONCAT_WS(NULL, s, g)
LENGTH(s)
CHAR_LENGTH(s)
LENGTH(i)
LENGTH(bin)
BIT_LENGTH(s)
UPPER(s)
LOWER(g)
UCASE('äöüß')
TRIM(x)
LTRIM(x)
RTRIM(x)
CONCAT('[', TRIM(s), ']')
TRIM(LEADING 'H' FROM s)
TRIM(TRAILING 'o' FROM s)
TRIM(BOTH 'a' FROM 'aabaa')
TRIM('x' FROM 'xxyxx')
SUBSTRING(s, 2)
SUBSTRING(s, 2, 3)
SUBSTRING(s, -3)
SUBSTRING(s, -3, 2)
SUBSTRING(s, 0)
SUBSTRING(s, 0, 2)
SUBSTRING(s FROM 2 FOR 2)
SUBSTR(s, 2, -1)
MID(s, 3, 100)
SUBSTRING(s, -100)
LEFT(s, 3)
LEFT(s, -1)
RIGHT(s, 3)
RIGHT(s, 100)
SUBSTRING_INDEX(x, ',', 2)
SUBSTRING_INDEX(x, ',', -2)
SUBSTRING_INDEX(x, ',', 0)
SUBSTRING_INDEX(x, '', 1)
SUBSTRING_INDEX('www.mysql.com', '.', 5)
REPLACE(s, 'l', 'L')
REPLACE(s, '', 'x')
REPLACE(s, 'L', 'x')
LPAD(s, 8, '*')
RPAD(s, 8, 'ab')
LPAD(s, 3, '*')
LPAD(s, -1, '*')
LPAD(i, 5, '0')
REVERSE(s)
REPEAT(s, 2)
REPEAT(s, 0)
REPEAT('ab', n)
SPACE(3)
LOCATE('l', s)
LOCATE('L', s)
LOCATE('L', x)
LOCATE('l', s, 4)
LOCATE('', s)
LOCATE('a', s, 0)
INSTR(s, 'L')
POSITION('e' IN s)
HEX(s)
HEX(255)
HEX(i)
HEX(bin)
HEX(UNHEX('4D7953514C'))
UNHEX('zz')
ASCII(s)
STRCMP(s, 'hello')
STRCMP(s, g)
FIELD(s, 'HELLO', 'straße')
FIELD(i, 1, 100)
FIND_IN_SET('b', x)
FIND_IN_SET('B', 'a,b,c')
ELT(n, 'a', 'b', 'c')
INSERT(s, 2, 2, 'XX')
INSERT(s, 0, 2, 'XX')
QUOTE(s)
CRC32(s)
CONCAT(s, g)
CONCAT(i, '') = '1'
# numbers
ABS(i)
ABS(d)
ABS(f)
ABS(e)
ABS(b)
SIGN(d)
SIGN(f)
ROUND(d)
ROUND(d, 1)
ROUND(d, 5)
ROUND(d, -1)
ROUND(e, 3)
ROUND(f)
ROUND(f, 1)
ROUND(i, -1)
ROUND(n, 2)
ROUND(2.5)
ROUND(-2.5)
ROUND(2.5e0)
ROUND(1.005, 2)
ROUND(d, n)
TRUNCATE(d, 1)
TRUNCATE(d, -1)
TRUNCATE(f, 1)
TRUNCATE(-1.999, 1)
TRUNCATE(i, -2)
CEIL(d)
CEIL(e)
FLOOR(d)
FLOOR(e)
CEIL(f)
FLOOR(f)
CEILING(i)
FLOOR(-0.5)
MOD(n, 4)
MOD(d, 3)
MOD(-7.5, 2)
POW(n, 2)
POW(2, 0.5)
POWER(f, 2)
SQRT(n)
SQRT(d)
EXP(n)
LN(n)
LOG(n)
LOG(2, n)
LOG(10, 100)
LOG10(n)
LOG2(n)
PI() * 1e0
SIN(n)
DEGREES(n)
ATAN2(n, 2)
# dates
DATE(ts)
DATE(x)
TIME(ts)
YEAR(dt)
MONTH(dt)
DAY(dt)
DAYOFMONTH(ts)
HOUR(ts)
MINUTE(ts)
SECOND(ts)
MICROSECOND(ts)
HOUR(tm)
MINUTE(tm)
SECOND(tm)
YEAR(x)
YEAR('2024-05-06')
DAYOFWEEK(dt)
WEEKDAY(dt)
DAYOFYEAR(dt)
QUARTER(dt)
WEEK(dt)
WEEK(dt, 1)
WEEK(dt, 3)
WEEK(dt, 6)
YEARWEEK(dt)
YEARWEEK(dt, 3)
WEEKOFYEAR(dt)
DAYNAME(dt)
MONTHNAME(dt)
LAST_DAY(dt)
TO_DAYS(dt)
DATE_FORMAT(ts, '%Y-%m-%d %H:%i:%s.%f')
DATE_FORMAT(dt, '%W %D %M %y %e %c %j %a %b %w')
DATE_FORMAT(ts, '%h %I %l %k %p %r %T %% %x%v %X%V %U %u %q')
TIME_FORMAT(tm, '%H:%i:%s')
DATE_ADD(dt, INTERVAL 1 DAY)
DATE_ADD(dt, INTERVAL 1 MONTH)
DATE_ADD(dt, INTERVAL -1 YEAR)
DATE_SUB(dt, INTERVAL 1 QUARTER)
DATE_ADD(dt, INTERVAL 2 WEEK)
DATE_ADD(dt, INTERVAL 90 MINUTE)
DATE_ADD(ts, INTERVAL 1 SECOND)
DATE_ADD(t0, INTERVAL 1.5 SECOND)
DATE_ADD(t0, INTERVAL 1 MICROSECOND)
DATE_ADD(t0, INTERVAL n DAY)
DATE_ADD(t0, INTERVAL n MONTH)
dt + INTERVAL 1 DAY
dt - INTERVAL 1 MONTH
INTERVAL 1 DAY + dt
t0 - INTERVAL 1 HOUR
tm + INTERVAL 1 MINUTE
ADDDATE(dt, 31)
SUBDATE(dt, 31)
'2024-01-31' + INTERVAL 1 MONTH
'2024-01-31 10:00:00' + INTERVAL 1 HOUR
DATEDIFF(dt, '2024-01-01')
DATEDIFF(ts, dt)
TIMESTAMPDIFF(DAY, dt, ts)
TIMESTAMPDIFF(MONTH, dt, '2024-02-28')
TIMESTAMPDIFF(YEAR, dt, '2024-02-28')
TIMESTAMPDIFF(SECOND, t0, '2024-01-01')
TIMESTAMPDIFF(HOUR, ts, t0)
TIMESTAMPADD(MONTH, 1, dt)
UNIX_TIMESTAMP(t0)
UNIX_TIMESTAMP(ts)
UNIX_TIMESTAMP(dt)
FROM_UNIXTIME(n)
FROM_UNIXTIME(1700000000)
FROM_UNIXTIME(1700000000.5)
FROM_UNIXTIME(1700000000, '%Y %M')
STR_TO_DATE('31.01.2024', '%d.%m.%Y')
STR_TO_DATE('2024-01-31 10:20:30', '%Y-%m-%d %H:%i:%s')
STR_TO_DATE('January 5, 2024', '%M %e, %Y')
STR_TO_DATE('10:20 PM', '%h:%i %p')
STR_TO_DATE('99.99.2024', '%d.%m.%Y')
STR_TO_DATE(x, '%Y-%m-%d')
EXTRACT(YEAR FROM dt)
EXTRACT(HOUR FROM tm)
TIME_TO_SEC(tm)
SEC_TO_TIME(n * 1000)
FROM_DAYS(738000)
MAKEDATE(2024, 60)
# refused by both
NO_SUCH_FUNCTION(i)
nosuchcolumn
dt = 'yesterday'
