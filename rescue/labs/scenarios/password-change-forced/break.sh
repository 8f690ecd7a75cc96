passwd --expire alice
