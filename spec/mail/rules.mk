# make test-mail: the imap adapter against real servers on this machine; N='words' one test.
test-mail: $B/keel	## mail over IMAP and SMTP against dovecot and aiosmtpd; N='words' one test
	@sh vendor/install.sh spec/mail/packages
	@timeout 300 $B/keel lua $(BUSTED) --helper=spec/support/helper.lua -o spec/support/report.lua \
		--pattern='_mail%.lua$$' $(if $N,--filter='$N') spec/mail

.PHONY: test-mail
