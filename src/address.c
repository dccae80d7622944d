#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* IANA's registry of special-purpose addresses: what is not globally reachable. */
static const struct { uint32_t net; int bits; } kept4[] = {
	{ 0x00000000, 8 },	/* 0.0.0.0: this host          */
	{ 0x0A000000, 8 },	/* 10.0.0.0: private           */
	{ 0x64400000, 10 },	/* 100.64.0.0: a provider's    */
	{ 0x7F000000, 8 },	/* 127.0.0.0: this machine     */
	{ 0xA9FE0000, 16 },	/* 169.254.0.0: a link         */
	{ 0xAC100000, 12 },	/* 172.16.0.0: private         */
	{ 0xC0000000, 24 },	/* 192.0.0.0: protocols        */
	{ 0xC0000200, 24 },	/* 192.0.2.0: documentation    */
	{ 0xC0586300, 24 },	/* 192.88.99.0: old relays     */
	{ 0xC0A80000, 16 },	/* 192.168.0.0: private        */
	{ 0xC6120000, 15 },	/* 198.18.0.0: benchmarks      */
	{ 0xC6336400, 24 },	/* 198.51.100.0: documentation */
	{ 0xCB007100, 24 },	/* 203.0.113.0: documentation  */
	{ 0xE0000000, 3 },	/* 224.0.0.0 and up: groups, reserved */
};

static bool public4(uint32_t a)
{
	size_t i;

	for (i = 0; i < sizeof(kept4) / sizeof(kept4[0]); i++)
		if ((a ^ kept4[i].net) >> (32 - kept4[i].bits) == 0)
			return false;
	return true;
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static bool public6(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xFF, 0x9B };

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
		return public4(word(a + 12));
	if (a[0] == 0x20 && a[1] == 0x02)		/* 2002::/16, 6to4 */
		return public4(word(a + 2));
	if (word(a) >> 9 == 0x20010000u >> 9)		/* 2001::/23: Teredo, protocols */
		return false;
	if (word(a) == 0x20010DB8 || word(a) >> 12 == 0x3FFF0)	/* documentation */
		return false;
	return a[0] >> 5 == 1;				/* 2000::/3: all that is given out */
}

bool address_is_public(const struct sockaddr *a)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (a->sa_family == AF_INET) {
		memcpy(&in4, a, sizeof(in4));
		return public4(ntohl(in4.sin_addr.s_addr));
	}
	if (a->sa_family == AF_INET6) {
		memcpy(&in6, a, sizeof(in6));
		return public6(in6.sin6_addr.s6_addr);
	}
	return false;
}

bool address_text_is_public(const char *text)
{
	struct in_addr four;
	struct in6_addr six;

	if (inet_pton(AF_INET, text, &four) == 1)
		return public4(ntohl(four.s_addr));
	return inet_pton(AF_INET6, text, &six) == 1 && public6(six.s6_addr);
}
