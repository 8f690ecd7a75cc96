usermod --shell /usr/bin/zsh alice
