/* json.c -- any text: refused with a place, or a canonical value that writes and
 * reads back as itself. */
#include <string.h>

#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf value, text, back;
	struct err e = { 0 };
	int rc;

	buf_init(&value, 16 << 20);
	buf_init(&text, 16 << 20);
	buf_init(&back, 16 << 20);
	buf_byte(&value, 'x');		/* what stood there before stays */
	rc = json_read((const char *)p, n, &value, &e);
	expect(value.data[0] == 'x');
	if (rc != 0) {
		expect(rc == ERR_INPUT || rc == ERR_LIMIT);
		expect(e.msg[0] != 0);
		expect(value.len == 1);
	} else {
		expect(codec_check(value.data + 1, value.len - 1) == 0);
		expect(json_write(value.data + 1, value.len - 1, 1, &text, &e) == 0);
		expect(json_read((char *)text.data, text.len, &back, &e) == 0);
		expect(back.len == value.len - 1 &&
		       memcmp(back.data, value.data + 1, back.len) == 0);
	}
	buf_release(&value);
	buf_release(&text);
	buf_release(&back);
	return 0;
}
