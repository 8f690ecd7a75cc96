"""Lines of files of iptables-save about what is common to all rules: commands, general options, quotes, names."""

from __future__ import annotations

FORMS = """
-AINPUT -j DROP
-A INPUT -jDROP
-A INPUT -ptcp -j DROP
-A INPUT -p tcp -j DROP -ilo
! -ilo -A INPUT -j DROP
-A INPUT -s10.0.0.0/8 -j DROP
-A INPUT -d10.0.0.1 -j DROP
-A INPUT -oeth0 -j DROP
-A OUTPUT -oeth0 -j DROP
-A INPUT -mtcp -ptcp -j DROP
-A INPUT -p tcp -mtcp --dport 22 -j DROP
-A INPUT -mcomment --comment x -j DROP
-A INPUT -gALPHA
-A INPUT -jALPHA
-A INPUT -g ALPHA
-A INPUT -g DROP
-A INPUT -g NOSUCH
-A INPUT -j NOSUCH
-A INPUT -f -j DROP
-A INPUT -fj DROP
-A INPUT ! -f -j DROP
-A INPUT --fragments -j DROP
-A INPUT --frag -j DROP
-A INPUT --jump DROP
-A INPUT --jum DROP
-A INPUT --j DROP
-A INPUT --jump=DROP
-A INPUT --j=DROP
-A INPUT --goto=ALPHA
-A INPUT --source 10.0.0.1 -j DROP
-A INPUT --src 10.0.0.1 -j DROP
-A INPUT --s 10.0.0.1 -j DROP
-A INPUT --so 10.0.0.1 -j DROP
-A INPUT --sr 10.0.0.1 -j DROP
-A INPUT --dst 10.0.0.1 -j DROP
-A INPUT --ds 10.0.0.1 -j DROP
-A INPUT --de 10.0.0.1 -j DROP
-A INPUT --dest 10.0.0.1 -j DROP
-A INPUT --source=10.0.0.1 -j DROP
-A INPUT --proto tcp -j DROP
-A INPUT --p tcp -j DROP
-A INPUT --pr tcp -j DROP
-A INPUT --prot tcp -j DROP
-A INPUT --protocol=tcp -j DROP
-A INPUT --in lo -j DROP
-A INPUT --in-int lo -j DROP
-A INPUT --i lo -j DROP
-A OUTPUT --out lo -j DROP
-A INPUT --match comment --comment x -j DROP
-A INPUT --mat comment --com x -j DROP
-A INPUT --m comment --comment x -j DROP
--append INPUT -j DROP
--app INPUT -j DROP
--a INPUT -j DROP
--append=INPUT -j DROP
--insert INPUT -j DROP
--insert INPUT 1 -j DROP
--ins INPUT -j DROP
-IINPUT -j DROP
-IINPUT 1 -j DROP
-I INPUT1 -j DROP
-I INPUT 0 -j DROP
-I INPUT 2 -j DROP
-I INPUT x -j DROP
-I INPUT +1 -j DROP
-C INPUT -j ACCEPT
-C INPUT -j DROP
--check INPUT -j ACCEPT
-DINPUT -j ACCEPT
-D INPUT -j ACCEPT
-D INPUT 1
-DINPUT 1
-D INPUT 2
-D INPUT 0
-D INPUT 1 -j DROP
-D INPUT -s 10.0.0.1
-NBETA
-N BETA
-N ALPHA
-N DROP
-N LOG
-N ACCEPT
-N nosuch
-N -x
-N !x
-N REJECT
-N tcp
-X ALPHA
-XALPHA
-X
-X NOSUCH
-F INPUT
-FINPUT
-F
-F NOSUCH
-F INPUT -j DROP
-P INPUT DROP
-PINPUT DROP
-P INPUT REJECT
-P INPUT
-P ALPHA DROP
-P INPUT -j DROP
--policy INPUT DROP
-Z
-Z INPUT
-Z INPUT 1
-L
-L INPUT
-L -n
-n -L
-L -v
-L --line-numbers
-S
-A INPUT -n -j DROP
-A INPUT -v -j DROP
-A INPUT --verbose -j DROP
-A INPUT -vv -j DROP
-A INPUT -x -j DROP
-A INPUT --line-numbers -j DROP
-A INPUT -w -j DROP
-A INPUT -w 5 -j DROP
-A INPUT -W 5 -j DROP
-A INPUT --wait -j DROP
-A INPUT -M /sbin/modprobe -j DROP
-A INPUT --modprobe=/sbin/modprobe -j DROP
-A INPUT --modprobe /sbin/modprobe -j DROP
-A INPUT -t filter -j DROP
-A INPUT -tfilter -j DROP
-t filter -A INPUT -j DROP
-A INPUT --table filter -j DROP
-A INPUT -c 1 2 -j DROP
-A INPUT -c 1,2 -j DROP
-A INPUT -c 1 -j DROP
-A INPUT -c x y -j DROP
-A INPUT -c 1x 2 -j DROP
-A INPUT -c -1 2 -j DROP
-A INPUT -c1 2 -j DROP
-A INPUT -c 1, -j DROP
-A INPUT --set-counters 1 2 -j DROP
-A INPUT --set-c 1 2 -j DROP
-A INPUT -4 -j DROP
-A INPUT -6 -j DROP
-4 -A INPUT -j DROP
-6 -A INPUT -j DROP
--ipv4 -A INPUT -j DROP
--ipv6 -A INPUT -j DROP
-6 junk
-4 junk
-A INPUT -j DROP --
-A INPUT -- -j DROP
-A INPUT -j DROP -
-A INPUT - -j DROP
-A INPUT -j
-A INPUT -s
-A INPUT -j DROP junk
-A INPUT junk -j DROP
-A INPUT ! ! -s 10.0.0.1 -j DROP
-A INPUT ! -s 10.0.0.1 -j DROP
-A INPUT -s ! 10.0.0.1 -j DROP
-A INPUT -p ! tcp -j DROP
-A INPUT -i ! lo -j DROP
-A INPUT ! -j DROP
-A INPUT ! -m comment --comment x -j DROP
! -A INPUT -j DROP
-A ! INPUT -j DROP
-A INPUT -j DROP !
-A INPUT ! -p all -j DROP
-A INPUT ! -p tcp -j DROP
-A INPUT -p TCP -j DROP
-A INPUT -p Tcp -j DROP
-A INPUT -p 256 -j DROP
-A INPUT -p 255 -j DROP
-A INPUT -p 0x6 -j DROP
-A INPUT -p 06 -j DROP
-A INPUT -p nosuch -j DROP
-A INPUT -p igmp -j DROP
-A INPUT -p ipv6 -j DROP
-A INPUT -p ipencap -j DROP
-A INPUT -p vrrp -j DROP
-A INPUT -p gre -j DROP
-A INPUT -p ospf -j DROP
-A INPUT -p icmpv6 -j DROP
-A INPUT -p icmp6 -j DROP
-A INPUT -p ipv6-icmp -j DROP
-A INPUT -p mh -j DROP
-A INPUT -p mobility-header -j DROP
-A INPUT -p hopopt -j DROP
-A INPUT -p ip -j DROP
-A INPUT -p sctp -j DROP
-A INPUT -p rdp -j DROP
-A INPUT -p ipv6-route -j DROP
-A INPUT -p tcp -p tcp -j DROP
-A INPUT -s 10.0.0.1 -s 10.0.0.2 -j DROP
-A INPUT -i lo -i lo -j DROP
-A INPUT -i "" -j DROP
-A INPUT -i + -j DROP
-A INPUT -i aaaaaaaaaaaaaaa -j DROP
-A INPUT -i aaaaaaaaaaaaaaaa -j DROP
-A INPUT -i "a b" -j DROP
-A INPUT -i a/b -j DROP
-A INPUT -i eth0:1 -j DROP
-A INPUT -o lo -j DROP
-A ALPHA -o lo -j DROP
-A OUTPUT -i lo -j DROP
-A INPUT -j DROP -j DROP
-A INPUT -j DROP -g ALPHA
-A INPUT -j drop
-A INPUT -j "DROP "
-A INPUT -j ""
-A INPUT
-A INPUT -j INPUT
-A ALPHA -j ALPHA
-A ALPHA -j OUTPUT
-A INPUT -s "" -j DROP
-A INPUT -s any/0 -j DROP
-A INPUT -s foo/0 -j DROP
-A INPUT -s 0/0 -j DROP
-A INPUT -s 0 -j DROP
-A INPUT -s 10 -j DROP
-A INPUT -s 10. -j DROP
-A INPUT -s 10.0.0.1. -j DROP
-A INPUT -s 10.0.0.1/ -j DROP
-A INPUT -s 10.0.0.1/32 -j DROP
-A INPUT -s 10.0.0.1/33 -j DROP
-A INPUT -s 10.0.0.1/-1 -j DROP
-A INPUT -s 10.0.0.1/+8 -j DROP
-A INPUT -s 10.0.0.1/0x8 -j DROP
-A INPUT -s 10.0.0.1/010 -j DROP
-A INPUT -s 10.0.0.1/08 -j DROP
-A INPUT -s 010.0.0.1 -j DROP
-A INPUT -s 08.0.0.1 -j DROP
-A INPUT -s 0x0a.0.0.1 -j DROP
-A INPUT -s +10.0.0.1 -j DROP
-A INPUT -s " 10.0.0.1" -j DROP
-A INPUT -s "10.0.0.1, 10.0.0.2" -j DROP
-A INPUT -s 10.0.0.1,10.0.0.2 -j DROP
-A INPUT -s 10.0.0.1,10.0.0.2 -d 10.0.0.3,10.0.0.4 -j DROP
-A INPUT ! -s 10.0.0.1,10.0.0.2 -j DROP
-A INPUT -s 10.0.0.1, -j DROP
-A INPUT -s ,10.0.0.1 -j DROP
-A INPUT -s 10.0.0.1/255.255.255.0 -j DROP
-A INPUT -s 10.0.0.1/255.0.255.0 -j DROP
-A INPUT -s 10.0.0.1/255.0 -j DROP
-A INPUT -s 10.0.0.1/255.255.255.256 -j DROP
-A INPUT -s 10.0.0.1/8/8 -j DROP
-A INPUT -s localhost -j DROP
-A INPUT -s localhost/8 -j DROP
-A INPUT -s nosuch.invalid -j DROP
-A INPUT -s 1.2.3.4.5 -j DROP
-A INPUT -s 2001:db8::1 -j DROP
-A INPUT -s 2001:db8::/32 -j DROP
-A INPUT -s 2001:db8::/129 -j DROP
-A INPUT -s 2001:db8::1/ffff:: -j DROP
-A INPUT -s 2001:db8::1/ffff::ffff -j DROP
-A INPUT -s 2001:db8::1,2001:db8::2 -j DROP
-A INPUT -s ::ffff:10.0.0.1 -j DROP
-A INPUT -s 2001:db8::1%lo -j DROP
-A INPUT -s fe80::1%1 -j DROP
-A INPUT -s ::/0 -j DROP
-A INPUT -s foo/0 -j DROP
-A INPUT -s [::1] -j DROP
-A INPUT -p tcp -m tcp -m tcp --dport 22 -j DROP
-A INPUT -p tcp --dport 22 -m tcp --sport 22 -j DROP
-A INPUT -p tcp --dport 22 -m tcp --dport 23 -j DROP
-A INPUT -p tcp -m tcp --dport 22 --dport 23 -j DROP
-A INPUT -m tcp --dport 22 -p tcp -j DROP
-A INPUT --dport 22 -p tcp -j DROP
-A INPUT -p tcp -m udp --dport 22 -j DROP
-A INPUT -p udp --syn -j DROP
-A INPUT ! -p tcp --dport 22 -j DROP
-A INPUT -p all --dport 22 -j DROP
-A INPUT -p icmp --icmp-type 8 -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP
-A INPUT -p 1 --icmp-type 8 -j DROP
-A INPUT -p 6 --dport 22 -j DROP
-A INPUT -p ipv6-icmp --icmpv6-type 128 -j DROP
-A INPUT -p ipv6-icmp -m ipv6-icmp --icmpv6-type 128 -j DROP
-A INPUT -p ipv6-icmp -m icmpv6 --icmpv6-type 128 -j DROP
-A INPUT -p icmpv6 -m icmp6 --icmpv6-type 128 -j DROP
-A INPUT -p tcp --dpor 22 -j DROP
-A INPUT -p tcp --dp 22 -j DROP
-A INPUT -p tcp --d 22 -j DROP
-A INPUT -p tcp --destination-p 22 -j DROP
-A INPUT -p tcp --source-p 22 -j DROP
-A INPUT -p tcp --sp 22 -j DROP
-A INPUT -p tcp --dport=22 -j DROP
-A INPUT -p tcp --dport= -j DROP
-A INPUT -p tcp --dport -j DROP
-A INPUT -p tcp --syn=1 -j DROP
-A INPUT -p tcp -m multiport --dports 22 --dport 22 -j DROP
-A INPUT -p tcp --dports 22 -j DROP
-A INPUT -m state --state NEW -m state --state ESTABLISHED -j DROP
-A INPUT -j REJECT --reject-with icmp-port-unreachable
-A INPUT --reject-with icmp-port-unreachable -j REJECT
-A INPUT -j LOG --log-prefix x --log-level 4
-A INPUT -j LOG --log-pre x --log-l 4
-A INPUT -j LOG --log-prefix "x
-A INPUT -m comment --comment "x -j DROP
-A INPUT -m comment --comment "x" -j "DROP
-A INPUT -j DROP "
-A INPUT -j DROP -m comment --comment "
-A INPUT -j DROP -m comment --comment "a
-A INPUT -m comment --comment 'a b' -j DROP
-A INPUT -m comment --comment a"b -j DROP
-A INPUT -m comment --comment a"b"c -j DROP
-A INPUT -m comment --comment "a\\" -j DROP
-A INPUT -m comment --comment "a\\"b" -j DROP
-A INPUT -m comment --comment a\\ b -j DROP
-A INPUT -m comment --comment "" -j DROP
-A INPUT -m comment -j DROP --comment
[0:0] -A INPUT -j DROP
[0:0]-A INPUT -j DROP
[ 0:0 ] -A INPUT -j DROP
[0:0 -A INPUT -j DROP
[:] -A INPUT -j DROP
[a:b] -A INPUT -j DROP
[] -A INPUT -j DROP
[0] -A INPUT -j DROP
 -A INPUT -j DROP
 # comment
 COMMIT
-A INPUT -j DROP # comment
:BETA - [0:0]
:BETA -
:BETA
:ACCEPT - [0:0]
:DROP - [0:0]
:LOG - [0:0]
:REJECT - [0:0]
:RETURN - [0:0]
:QUEUE - [0:0]
:tcp - [0:0]
:SNAT - [0:0]
:NOSUCHTARGET - [0:0]
:BETA ACCEPT [0:0]
:BETA DROP [0:0]
:INPUT DROP [0:0]
:INPUT REJECT [0:0]
:INPUT QUEUE [0:0]
:INPUT RETURN [0:0]
:INPUT drop [0:0]
:INPUT
:ALPHA - [0:0]
:aaaaaaaaaaaaaaaaaaaaaaaaaaaa - [0:0]
:aaaaaaaaaaaaaaaaaaaaaaaaaaaaa - [0:0]
:-x - [0:0]
:!x - [0:0]
: BETA - [0:0]
:
--nosuch
-Q
-A INPUT -A INPUT -j DROP
-A INPUT -A OUTPUT -j DROP
-A NOSUCH -j DROP
-A INPUT -j DROP\t-s\t10.0.0.1
-A INPUT  -j   DROP 
-E ALPHA BETA
-E NOSUCH BETA
-E ALPHA
-R INPUT 1 -j DROP
-R INPUT -j DROP
-R INPUT 2 -j DROP
-R INPUT 1 -s 10.0.0.1,10.0.0.2 -j DROP
"""  # noqa: W291
"""Each stands in the table filter, behind a chain ALPHA and a first rule of INPUT."""
